#include <fstream>
#include <sstream>

#include "support.hpp"

using namespace ia_test;

namespace {

/// The module exists only inside of interpreters of the runtime: there it is compared with its stub.
class Module : public with_runtime {
protected:
  Module() {
    std::ifstream file{INTERP_ACTORS_TEST_STUB};
    std::ostringstream text;
    text << file.rdbuf();
    stub_ = std::move(text).str();
  }

  ia::interpreter_actor start() {
    auto result = rt().spawn(ia::file(INTERP_ACTORS_TEST_COMPARE));
    EXPECT_TRUE(result) << ia::describe(result.error());
    return result ? *result : ia::interpreter_actor{};
  }

  std::string stub_;
};

TEST_F(Module, HasWhatItsStubSaysAndNothingElse) {
  EXPECT_EQ(call(start(), "compare", stub_), "");
}

TEST_F(Module, DifferencesFromTheStubAreFound) {
  struct change {
    const char* from;
    const char* to;
    const char* said;
  };
  const change changes[] = {
      {"\ndef current() ->", "\ndef currently() ->",
       "current is not in the stub\ncurrently is in the stub alone"},
      {"    def link(self)", "    def linked(self)",
       "Reference.link is not in the stub\nReference.linked is in the stub alone"},
      {"    reason: str\n", "", "ChannelClosed.reason is not in the stub"},
      {"    code: int\n", "    code: int\n    number: int\n", "ActorError.number is in the stub alone"},
      {"def channel(\n    messages: int = 64", "def channel(\n    messages: int = 65",
       "channel has the parameters"},
      {"exit(self, reason: str | BaseException | None = None, /)",
       "exit(self, reason: str | BaseException | None = None)", "Reference.exit has the parameters"},
      {"def recv(self, timeout:", "def recv(self, *, timeout:", "ReceiveChannel.recv has the parameters"},
      {"def __new__(cls, size: int)", "def __new__(cls, length: int)", "Builder has the parameters"},
      {"@final\nclass Timer", "class Timer", "Timer cannot be a base class, unlike in the stub"},
      {"class Interrupted(KeyboardInterrupt)", "class Interrupted(Exception)", "Interrupted has the bases"},
      {"    @property\n    def name(", "    def name(", "Current.name is a property, unlike in the stub"},
      {"    def __len__(self) -> int: ...\n", "", "SendChannel.__len__ is not in the stub"},
      {"An actor's address.", "Another text.", "Reference has another docstring in the stub"},
  };
  auto actor = start();
  for (auto& one : changes) {
    auto changed = stub_;
    auto at = changed.find(one.from);
    ASSERT_NE(at, std::string::npos) << one.from;
    auto said = call(actor, "compare", changed.replace(at, std::string_view{one.from}.size(), one.to));
    EXPECT_NE(said.find(one.said), std::string::npos) << one.from << "\n" << said;
  }
}

TEST_F(Module, ExceptionsHaveTheirAttributesWhoeverMakesThem) {
  auto actor = spawn(R"(
import interp_actors as ia
def attributes(_):
    error, remote, closed = ia.ActorError('x'), ia.RemoteError('y'), ia.ChannelClosed('z')
    return repr((error.category, error.code, error.text, error.traceback, remote.type, remote.message,
                 remote.traceback, closed.reason)).encode()
)");
  EXPECT_EQ(call(actor, "attributes"), "('', 0, None, None, '', '', '', '')");
}

} // namespace
