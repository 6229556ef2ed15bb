#include "sweep_command.hpp"

#include <memory>

#include "sweep.hpp"
#include "work_arguments.hpp"

namespace ia_program {

namespace {

constexpr const char* footer = R"(The experiment is a Python file with a function

  def run(params, report) -> dict:
      for step in range(params["steps"]):
          ...
          report(step, loss=loss)          # as often as you like, or never
      return {"loss": loss}

params is a dict with one value for each --grid. Each interpreter loads the file once, with the file's folder first on sys.path; where the
file imports `random`, that is seeded anew for each trial.

The folder (--out) gets journal.sqlite with everything that happened, trials/ID/output.txt for each trial that printed,
trials/ID/traceback.txt for each that failed, and plot.svg. The same command again goes on where it was, also after a kill -9: what has a result is not run again.
Other values for a parameter, or more of them, may be added; a change of the code, the seed, the parameters' names or the pruning is refused.

With --nodes, the file travels to the nodes, and with it all .py files that it could import from its folder; nothing else does. Nodes may come later, and be
lost: what they did is run again on others, and waits where there are none. Results, output and the journal are here, the same as without nodes.

Examples:
  interp-actors sweep experiment.py --grid lr=0.1,0.01 --grid layers=1,2,3
  interp-actors sweep experiment.py --grid lr=0.1,0.01 --metric loss --prune --timeout 10min --export csv
  interp-actors sweep experiment.py --replay 3f2a
  interp-actors sweep experiment.py --grid lr=0.1,0.01 --nodes nodes.txt --certificate me.pem --key me.key --ca ca.pem

)";

} // namespace

void add_sweep(CLI::App& program, int& exit_code) {
  auto how = std::make_shared<sweep_options>();
  auto* command =
      program.add_subcommand("sweep", "Run an experiment for every combination of its parameters");
  command->footer(footer + exit_code_help("trial"));
  command->add_option("EXPERIMENT.py", how->experiment, "Python file with def run(params, report) -> dict")
      ->required();
  command
      ->add_option("--grid", how->grid,
                   "A parameter and its values, as lr=0.1,0.01: numbers, true, false, null, JSON, or words "
                   "as they are; once for each parameter")
      ->type_name("NAME=VALUE,...")
      ->allow_extra_args(false);
  command->add_option("--random", how->random, "Run only N of the combinations, chosen by the seed")
      ->check(CLI::Validator{CLI::PositiveNumber}.description(""))
      ->type_name("N");
  command->add_option("--seed", how->seed, "For --random, and for Python's random in each trial (default: 0)")
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{INT64_MAX}).description(""))
      ->type_name("S");
  command->add_option("--out", how->out, "Folder for all that it writes (default: EXPERIMENT.sweep)")
      ->type_name("FOLDER");
  auto* metric = command
                     ->add_option("--metric", how->metric,
                                  "The number, of those that run() returns, by which trials are compared "
                                  "(default: the first one)")
                     ->type_name("NAME");
  command->add_flag("--maximize", how->maximize, "The largest metric is the best (default: the smallest)");
  auto* prune = command
                    ->add_flag("--prune", how->prune,
                               "Stop trials early by the median rule: those whose best reported metric is "
                               "worse than the median of what the finished "
                               "ones had at the same step")
                    ->needs(metric);
  command
      ->add_option("--prune-startup", how->prune_startup,
                   "Prune nothing before so many trials are done (default: 5)")
      ->type_name("N")
      ->needs(prune);
  command->add_option("--prune-warmup", how->prune_warmup, "Prune nothing before this step (default: 0)")
      ->type_name("STEP")
      ->needs(prune);
  command->add_flag("--rerun-failed", how->rerun_failed,
                    "Run trials again that failed in an earlier session");
  command->add_flag("--accept-changes", how->accept_changes,
                    "Go on although the code or the configuration has changed; results of trials for which "
                    "that makes a difference do not count any more");
  command
      ->add_option("--export", how->exports,
                   "Write all trials to trials.csv or trials.json in the folder, too")
      ->check(CLI::IsMember({"csv", "json"}).description(""))
      ->type_name("csv|json")
      ->allow_extra_args(false);
  command
      ->add_option("--replay", how->replay,
                   "Run one trial of the journal again, with its output on the screen; the "
                   "beginning of its id is enough. Changes nothing")
      ->type_name("TRIAL");
  add_work_arguments(*command, how->work, "trial");
  command->callback([how, command, &exit_code] {
    how->command = command->config_to_str(); // what was given, as lines of a configuration file
    exit_code = how->work.read_nodes("sweep");
    if (exit_code == 0)
      exit_code = how->replay.empty() ? run_sweep(*how) : replay_trial(*how);
  });
}

} // namespace ia_program
