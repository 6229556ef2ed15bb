#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <iostream>
#include <mutex>

#include "../experiments/digest.hpp"
#include "../experiments/journal.hpp"
#include "exit_codes.hpp"
#include "messages.hpp"
#include "sweep.hpp"

namespace ia_program {

using namespace ia_experiments;
using nlohmann::ordered_json;

namespace {

constexpr std::chrono::milliseconds between_looks{100};

/// The trial whose id begins with `beginning`. Errors: std::runtime_error where there is none, or more than one.
trial find_trial(const journal_contents& contents, const std::string& beginning) {
  const trial* found = nullptr;
  for (auto& [id, one] : contents.trials) {
    if (!id.starts_with(beginning))
      continue;
    if (found)
      throw std::runtime_error("more than one trial's id begins with '" + beginning + "'; give more of it");
    found = &one;
  }
  if (!found)
    throw std::runtime_error("there is no trial '" + beginning
                             + "' in the journal; trials.csv (--export csv) lists them");
  return *found;
}

/// Shows what the trial reports.
trial_recorder spawn_teller(caf::actor_system& system) {
  return system.spawn([]() -> trial_recorder::behavior_type {
    return {
        [](begin_atom, const std::string&, const std::string&, std::uint64_t) -> caf::result<void> {
          return caf::unit;
        },
        [](report_atom, const std::string&, std::int64_t step, const metrics& numbers) {
          std::string line = "report: step " + std::to_string(step);
          for (auto& [name, value] : numbers)
            line += ", " + name + ' ' + ordered_json(value).dump();
          std::cout << line + '\n' << std::flush;
          return false;
        },
        [](output_atom, const std::string&, const std::string& text) -> caf::result<void> { // from a node
          std::cout << text << std::flush;
          return caf::unit;
        },
    };
  });
}

void warn_of_changes(const journal_contents& contents, const user_code& experiment) {
  auto name = experiment.path.filename().string();
  auto& code = contents.configuration->code;
  if (!code.contains(name) || code.at(name) != sha256(experiment.text))
    std::cerr << "Note: " << name << " is not as it was when the journal was written\n";
}

int run_again(ia::runtime& rt, stop_requests& stops, const sweep_options& how, const user_code& experiment,
              const trial& one, std::uint64_t seed) {
  workforce workers{stops, rt, how.work, [](const std::string& line) { std::cerr << line + '\n'; }};
  if (auto problem = workers.start<trial_worker>({.name = "replay",
                                                  .user = experiment,
                                                  .source = worker_source(experiment, how.work.on_nodes()),
                                                  .handler = "run"},
                                                 1))
    return workers.refuse(problem, "sweep", experiment);
  auto recorder = spawn_teller(rt.system());
  caf::expected<caf::message> answer{caf::message{}};
  workers.run(
      [&](ia::caller& me) {
        for (attempts tries{how.work};;) {
          answer = workers.ask(me, caf::make_message(run_atom_v, trial_request(one, seed, one.id), recorder));
          if (answer || workers.stopping())
            return false;
          auto what = failure::of(answer.error(), how.work, experiment).what;
          if (what != failure::kind::node_lost || !tries.again(what, workers.draining()))
            return false;
        }
      },
      between_looks, [] {});
  caf::anon_send_exit(recorder, caf::exit_reason::user_shutdown);
  if (!answer) {
    if (workers.stopping())
      return ended_by_signal;
    std::cerr << failure::of(answer.error(), how.work, experiment).details;
    return exit_failed;
  }
  auto what = ordered_json::parse(answer->get_as<std::string>(0));
  std::cout << "result: " << what.at("result").dump() << '\n';
  return 0;
}

} // namespace

int replay_trial(const sweep_options& how) {
  std::optional<user_code> experiment;
  journal_contents contents;
  trial one;
  try {
    experiment = user_code::read(how.experiment);
    if (how.work.on_nodes())
      experiment->read_modules();
    contents = read_journal(how.folder());
    one = find_trial(contents, how.replay);
    if (!contents.configuration)
      throw std::runtime_error("the journal in '" + how.folder().string() + "' is empty");
  } catch (const std::runtime_error& problem) {
    std::cerr << "interp-actors sweep: " << problem.what() << '\n';
    return exit_no_input;
  }
  std::cout << "trial " << one.id << ": " << to_text(one.parameters) << std::endl;
  warn_of_changes(contents, *experiment);
  return run_work(how.work, [&](ia::runtime& rt, stop_requests& stops) {
    return run_again(rt, stops, how, *experiment, one, contents.configuration->seed);
  });
}

} // namespace ia_program
