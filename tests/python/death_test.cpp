#include "interp_actors/base/death_report.hpp"

#include <cstdlib>

#include "one_interpreter.hpp"

using namespace ia_test;
namespace py = ia::python;

namespace {

/// The world of an actor that talks to nobody.
class lonely_host final : public py::host {
public:
  std::shared_ptr<const ia::death_report> death;

  std::shared_ptr<const ia::death_report> previous_death() const override { return death; }

  ia::actor_reference_ptr self() const override { return {}; }
  const std::string& name() const override { return name_; }
  ia::actor_reference_ptr sender() const override { return {}; }
  std::chrono::nanoseconds call_timeout() const override { return std::chrono::seconds{1}; }
  bool may_know(const ia::actor_reference_ptr&, std::string_view) const override { return false; }
  letter_ptr write(const ia::actor_reference_ptr&, std::string_view, ia::value_source&) const override {
    std::abort();
  }
  std::shared_ptr<py::awaited> ask(letter_ptr, clock::time_point) override { std::abort(); }
  void forget(const py::awaited&) override { std::abort(); }
  void send(letter_ptr) override { std::abort(); }
  py::event_number send_after(std::chrono::nanoseconds, letter_ptr) override { std::abort(); }
  bool cancel_timer(py::event_number) override { std::abort(); }
  py::event_number new_event() override { std::abort(); }
  void post(py::event_number) override { std::abort(); }
  void monitor(const ia::actor_reference_ptr&, py::event_number) override { std::abort(); }
  void demonitor(py::event_number) override { std::abort(); }
  ia::error_value take_reason(py::event_number) override { std::abort(); }
  void link(const ia::actor_reference_ptr&) override { std::abort(); }
  void unlink(const ia::actor_reference_ptr&) override { std::abort(); }
  void exit(const ia::actor_reference_ptr&, const ia::error_value&) override { std::abort(); }
  void kill(const ia::actor_reference_ptr&) override { std::abort(); }
  birth spawn(ia::source, std::string, std::chrono::nanoseconds) override { std::abort(); }
  void adopt(const ia::actor_reference_ptr&) override { std::abort(); }
  std::shared_ptr<interpreter> create(std::string) override { std::abort(); }
  std::pair<ia::sending_end, ia::channel_lease> make_channel(ia::channel_options,
                                                             std::optional<ia::buffer_format>) override {
    std::abort();
  }

private:
  std::string name_ = "lonely";
};

class PreviousDeath : public with_interpreter {
protected:
  PreviousDeath() : PreviousDeath{std::make_shared<lonely_host>()} {}

  static ia::death_report whole_report() {
    ia::death_report report;
    report.child = "scorer";
    report.incarnation = 3;
    report.interpreter = 7;
    report.node = "host:4242";
    report.reason = ia::death_reason::exception;
    report.text = "an exception left its handler";
    report.error.emplace();
    report.error->exceptions.push_back({.type = "ValueError", .message = "too large"});
    report.exit_code = -2;
    report.request = "score(std::string)";
    report.uptime = std::chrono::milliseconds{1500};
    report.requests_served = 12;
    report.tracked_objects = 34;
    report.views_held = 56;
    report.restarts_left = 0;
    report.when = std::chrono::system_clock::time_point{std::chrono::seconds{1'700'000'000}};
    return report;
  }

  void died(ia::death_report report) { host_->death = std::make_shared<ia::death_report>(std::move(report)); }

  /// The repr of an expression in which `death` is what the code is told.
  std::string value(const std::string& expression) {
    execute("import interp_actors\ndeath = interp_actors.previous_death()\ndef value(_): return repr("
            + expression + ").encode()");
    return std::string{call("value").as_string_view()};
  }

private:
  explicit PreviousDeath(const std::shared_ptr<lonely_host>& host) : with_interpreter{host}, host_{host} {}

  std::shared_ptr<lonely_host> host_;
};

TEST_F(PreviousDeath, FirstIncarnationHasNone) {
  EXPECT_EQ(value("death"), "None");
}

TEST_F(PreviousDeath, HasWhatTheReportHas) {
  died(whole_report());
  EXPECT_EQ(value("(death.child, death.incarnation, death.reason, death.text)"),
            "('scorer', 3, 'exception', 'an exception left its handler')");
  EXPECT_EQ(value("(death.error_type, death.error_message, death.traceback)"),
            "('ValueError', 'too large', 'ValueError: too large\\n')");
  EXPECT_EQ(value("(death.exit_code, death.request, death.uptime, death.requests_served)"),
            "(-2, 'score(std::string)', 1.5, 12)");
  EXPECT_EQ(value("(death.tracked_objects, death.views_held, death.restarts_left, death.when)"),
            "(34, 56, 0, 1700000000.0)");
  EXPECT_EQ(value("death.node"), "'host:4242'");
}

TEST_F(PreviousDeath, HasNoneWhereTheReportHasNothing) {
  died({});
  EXPECT_EQ(value("(death.error_type, death.error_message, death.traceback, death.exit_code, death.request, "
                  "death.restarts_left, death.node)"),
            "(None, None, None, None, None, None, None)");
}

TEST_F(PreviousDeath, NamesEveryReason) {
  using reason = ia::death_reason;
  for (auto [one, name] : {std::pair{reason::normal, "'normal'"},
                           {reason::shutdown, "'shutdown'"},
                           {reason::exception, "'exception'"},
                           {reason::exit_code, "'exit_code'"},
                           {reason::deadline, "'deadline'"},
                           {reason::interrupted, "'interrupted'"},
                           {reason::abandoned, "'abandoned'"},
                           {reason::start_failed, "'start_failed'"},
                           {reason::killed, "'killed'"},
                           {reason::node_lost, "'node_lost'"}}) {
    ia::death_report report;
    report.reason = one;
    died(report);
    EXPECT_EQ(value("death.reason"), name);
  }
}

TEST_F(PreviousDeath, PrintsAsTheDescription) {
  auto report = whole_report();
  died(report);
  execute("import interp_actors\ndef printed(_): return str(interp_actors.previous_death()).encode()");
  EXPECT_EQ(call("printed").as_string_view(), ia::describe(report));
}

TEST_F(PreviousDeath, CannotBeChangedOrMade) {
  died(whole_report());
  execute(R"(
import interp_actors
def refused(f):
    try:
        f()
    except (AttributeError, TypeError) as e:
        return type(e).__name__
    return 'accepted'
)");
  EXPECT_EQ(value("(refused(lambda: setattr(death, 'text', 'x')), refused(lambda: setattr(death, 'new', 1)), "
                  "refused(interp_actors.Death), refused(lambda: setattr(interp_actors.Death, 'text', 1)))"),
            "('AttributeError', 'AttributeError', 'TypeError', 'TypeError')");
}

TEST_F(PreviousDeath, StaysWhatItWas) {
  died(whole_report());
  execute("import interp_actors\nfirst = interp_actors.previous_death()");
  died({});
  EXPECT_EQ(value("(first.child, death.child)"), "('scorer', '')");
}

class NoActor : public with_interpreter {};

TEST_F(NoActor, IsNotTold) {
  load("import interp_actors\ndef ask(_): interp_actors.previous_death()");
  auto error = raised_by([](auto& gil, auto& self) {
    ia::shared_bytes nothing;
    self.call(gil, "ask", {&nothing, 1});
  });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->data().summary(), "RuntimeError: this interpreter is no actor, and reaches none");
}

} // namespace
