#pragma once

#include "interp_actors/actor/translate.hpp"
#include "interp_actors/message/types.hpp"
#include "interp_actors/runtime/run_main.hpp"
#include "interp_actors/supervision/supervisor_core.hpp"

#include <caf/exit_reason.hpp>

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace supervision_test {

using namespace interp_actors;
using namespace std::chrono_literals;

using lines = std::vector<std::string>;

/// Errors hold CAF messages, which need their types.
struct caf_types : testing::Environment {
  void SetUp() override { interp_actors::detail::init_types(); }
};
inline testing::Environment* const types = testing::AddGlobalTestEnvironment(new caf_types);

/// A child with a name and a restart type, all else by default.
inline child_spec child(std::string name, restart_type restart = permanent) {
  return {.name = std::move(name), .restart = restart};
}

/// The code of `error` as text.
inline std::string code_of(const caf::error& error) {
  if (!error)
    return "ok";
  return error.category() == caf::type_id_v<errc> ? to_string(static_cast<errc>(error.code()))
                                                  : to_string(error);
}

/// Carries out what a core wants by writing it down; tests say what becomes of it, and what time it is.
class fake_shell {
public:
  explicit fake_shell(supervisor_spec spec, double random = 0)
      : core{std::move(spec), [random] { return random; }} {
    take({});
  }

  supervisor_core core;
  restart_time now{};
  /// "start a#1", "stop a#1", "close a", "close a for good", "timer 1500" (ms), "reply 7 ok", "up", "ended exception".
  lines log;
  std::vector<std::shared_ptr<const death_report>> reports;
  std::vector<start_incarnation> starts;
  std::vector<stop_incarnation> stops;
  std::vector<close_address> closes;
  std::vector<reply_operation> replies;
  std::vector<supervisor_ended> ends;

  void take(const supervisor_commands& commands) {
    for (auto& command : commands)
      std::visit([this](auto& x) { carry_out(x); }, command);
    for (auto& info : core.list_children())
      names[info.slot] = info.name;
  }

  /// What was written down since the last call.
  lines news() { return std::exchange(log, {}); }

  // The latest incarnation of that name:

  void started(const std::string& name) {
    auto& which = latest.at(name);
    take(core.on_started(now, which.slot, which.incarnation));
  }

  void died(const std::string& name, death_reason reason = death_reason::exception, caf::error error = {},
            bool ready = false) {
    auto& which = latest.at(name);
    died_at(which.slot, which.incarnation, name, reason, std::move(error), ready);
  }

  /// It was lost with its node, and leaves nothing to wait for.
  void lost(const std::string& name, const std::string& node) {
    auto which = latest.at(name);
    child_death death;
    death.report.child = name;
    death.report.incarnation = which.incarnation;
    death.report.reason = death_reason::node_lost;
    death.report.node = node;
    death.report.text = "for a test";
    death.error = make_error(errc::node_lost, node + " was lost");
    take(core.on_death(now, which.slot, which.incarnation, death));
    take(core.on_gone(now, which.slot, which.incarnation));
  }

  void died_at(slot_id slot, std::uint64_t incarnation, const std::string& name, death_reason reason,
               caf::error error = {}, bool ready = false) {
    child_death death;
    death.report.child = name;
    death.report.incarnation = incarnation;
    death.report.reason = reason;
    death.report.text = "for a test";
    death.error = std::move(error);
    if (!death.error && is_abnormal(reason))
      death.error = make_error(errc::crashed, name + " fell");
    death.ready_successor = ready;
    take(core.on_death(now, slot, incarnation, death));
  }

  void gone(const std::string& name) {
    auto& which = latest.at(name);
    take(core.on_gone(now, which.slot, which.incarnation));
  }

  /// It ended as it was asked to.
  void ended(const std::string& name) {
    died(name, death_reason::shutdown);
    gone(name);
  }

  /// Starts the tree; every child starts.
  void start_all() {
    take(core.start(now));
    for (auto& info : core.list_children())
      started(info.name);
    log.clear();
  }

  void pass(std::chrono::nanoseconds time) { now += time; }

  void timer() { take(core.on_timer(now)); }

  void stop(caf::error error = {}) { take(core.stop(now, death_reason::shutdown, std::move(error))); }

  child_info info(const std::string& name) const {
    for (auto& info : core.list_children())
      if (info.name == name)
        return info;
    return {.name = "no " + name};
  }

  struct which_one {
    slot_id slot = 0;
    std::uint64_t incarnation = 0;
  };
  std::map<std::string, which_one> latest;

private:
  void carry_out(const start_incarnation& x) {
    names[x.slot] = x.spec->name;
    latest[x.spec->name] = {x.slot, x.incarnation};
    starts.push_back(x);
    log.push_back("start " + x.spec->name + "#" + std::to_string(x.incarnation));
  }

  void carry_out(const stop_incarnation& x) {
    stops.push_back(x);
    log.push_back("stop " + names[x.slot] + "#" + std::to_string(x.incarnation));
  }

  void carry_out(const close_address& x) {
    closes.push_back(x);
    log.push_back("close " + names[x.slot] + (x.for_good ? " for good" : ""));
  }

  void carry_out(const arm_timer& x) {
    log.push_back("timer " + std::to_string(x.at.time_since_epoch() / 1ms));
  }

  void carry_out(const publish_death& x) { reports.push_back(x.report); }

  void carry_out(const reply_operation& x) {
    replies.push_back(x);
    log.push_back("reply " + std::to_string(x.ticket) + " " + code_of(x.error));
  }

  void carry_out(const tree_started&) { log.emplace_back("up"); }

  void carry_out(const supervisor_ended& x) {
    ends.push_back(x);
    log.push_back("ended " + to_string(x.reason));
  }

  std::map<slot_id, std::string> names;
};

} // namespace supervision_test
