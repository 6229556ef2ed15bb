#include "interp_actors/python/handler_table.hpp"

#include <vector>

#include "one_interpreter.hpp"

using namespace ia_test;
namespace py = ia::python;

namespace {

const ia::type_shape& text_shape() {
  static const ia::type_shape shape{.what = ia::type_shape::kind::text, .name = "std::string"};
  return shape;
}

/// A constructor's call, without arguments.
class no_arguments final : public py::handler_call {
public:
  void write_argument(std::size_t, ia::value_sink&) override { FAIL() << "there is none"; }
  void read_result(ia::value_source&) override { FAIL() << "nobody asked for it"; }
  bool wants_result() const override { return false; }
};

class Hook : public with_interpreter {
protected:
  /// Loads `code`, which has a handler for each of `handlers`: methods of `class_name` where that is not empty.
  void implement(const std::string& code, std::vector<std::string> handlers, std::string class_name = {}) {
    load(code);
    for (auto& name : handlers)
      signatures_.push_back({std::move(name), {}, text_shape});
    py::implementation what;
    for (auto& signature : signatures_)
      what.handlers.push_back(&signature);
    what.class_name = std::move(class_name);
    what.constructor = &constructor_;
    what.construction = &construction_;
    what.source_name = "test.py";
    with_gil([&](auto& gil, auto& self) { self.implement(gil, what); });
  }

  void check() {
    with_gil([](auto& gil, auto& self) { self.check_hooks(gil, "test.py"); });
  }
  void started() {
    with_gil([](auto& gil, auto& self) { self.call_started(gil); });
  }
  ia::shared_bytes snapshot() {
    return with_gil([](auto& gil, auto& self) { return self.call_snapshot(gil); });
  }
  void restore(ia::shared_bytes state) {
    with_gil([&](auto& gil, auto& self) { self.call_restore(gil, std::move(state)); });
  }
  std::string said(std::string_view function) { return std::string{call(function).as_string_view()}; }

private:
  std::vector<ia::handler_signature> signatures_;
  ia::handler_signature constructor_{"__init__", {}, nullptr};
  no_arguments construction_;
};

TEST_F(Hook, SourceWithoutHooksHasNone) {
  load("x = 1");
  check();
  started();
  EXPECT_FALSE(snapshot());
  restore(ia::shared_bytes::copy("state"));
}

TEST_F(Hook, FunctionsOfTheSourceAreCalled) {
  load(R"(
log = []
def started(): log.append('started')
def snapshot(): return ','.join(log).encode()
def restore(view): log.append('restored ' + str(view, 'utf-8'))
)");
  check();
  restore(ia::shared_bytes::copy("before"));
  started();
  EXPECT_EQ(snapshot().as_string_view(), "restored before,started");
}

TEST_F(Hook, MethodsOfTheInstanceAreCalledAndNotTheSourcesFunctions) {
  implement(R"(
def snapshot(): return b'the function'
class Service:
    def __init__(self): self.log = []
    def ask(self) -> str: return ''
    def started(self): self.log.append('started')
    def snapshot(self): return ','.join(self.log).encode()
    @staticmethod
    def restore(view): raise ValueError(bytes(view))
)",
            {"ask"}, "Service");
  check();
  started();
  EXPECT_EQ(snapshot().as_string_view(), "started");
  auto error = raised_by([](auto& gil, auto& self) { self.call_restore(gil, ia::shared_bytes::copy("x")); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->data().summary(), "ValueError: b'x'");
}

TEST_F(Hook, ClassThatAnswersToEveryNameHasNone) {
  implement(R"(
class Service:
    def ask(self) -> str: return ''
    def __getattr__(self, name): raise RuntimeError(name)
def started(): raise RuntimeError('not mine')
)",
            {"ask"}, "Service");
  check();
  started();
  EXPECT_FALSE(snapshot());
  restore(ia::shared_bytes::copy("state"));
}

TEST_F(Hook, HandlerOfTheSameNameIsNoHook) {
  implement(R"(
was_started = b'no'
def snapshot(more=1) -> str: raise RuntimeError
def started():
    global was_started
    was_started = b'yes'
def asked(_): return was_started
)",
            {"snapshot"});
  check();
  EXPECT_FALSE(snapshot());
  started();
  EXPECT_EQ(said("asked"), "yes");
}

TEST_F(Hook, RedefiningOneTakesEffect) {
  load("def snapshot(): return b'1'");
  EXPECT_EQ(snapshot().as_string_view(), "1");
  execute("def snapshot(): return b'2'");
  EXPECT_EQ(snapshot().as_string_view(), "2");
  execute("del snapshot");
  EXPECT_FALSE(snapshot());
}

TEST_F(Hook, ThatCannotBeCalledIsAnErrorThatNamesIt) {
  struct misfit {
    const char* code;
    const char* said;
  };
  const misfit misfits[] = {
      {"started = 5", "hook 'started' of 'test.py' is a int, which cannot be called"},
      {"def started(x): pass", "hook 'started' of 'test.py' takes 1 parameter, where it is given 0"},
      {"def restore(): pass",
       "hook 'restore' of 'test.py' takes 0 parameters, where it is given 1: the snapshot"},
      {"def restore(a, b): pass", "takes 2 parameters, where it is given 1"},
      {"def snapshot(a, b=1): pass", "takes at least 1 parameter, where it is given 0"},
      {"def snapshot(*, key): pass",
       "hook 'snapshot' of 'test.py' needs the keyword 'key', which it cannot be given"},
      {"async def snapshot(): pass",
       "hook 'snapshot' of 'test.py' is a coroutine; it must be a plain function"},
      {"def started(): yield", "is a generator"},
  };
  for (auto& one : misfits) {
    load(one.code);
    try {
      check();
      ADD_FAILURE() << one.code;
    } catch (const py::interface_mismatch& problem) {
      EXPECT_NE(std::string{problem.what()}.find(one.said), std::string::npos) << problem.what();
    }
    execute("for name in ('started', 'snapshot', 'restore'): globals().pop(name, None)");
  }
  load("from functools import partial\n"
       "def restore(view, more=None): pass\n"
       "started = partial(print, end='')\n"
       "def snapshot(*some): pass\n");
  check();
}

TEST_F(Hook, ExceptionComesWithItsTraceback) {
  load("def started():\n    raise ValueError('not ready')\n"
       "def snapshot():\n    raise SystemExit(3)\n");
  auto error = raised_by([](auto& gil, auto& self) { self.call_started(gil); });
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind(), py::raised_kind::exception);
  EXPECT_EQ(error->data().traceback(), "Traceback (most recent call last):\n"
                                       "  File \"test.py\", line 2, in started\n"
                                       "    raise ValueError('not ready')\n"
                                       "ValueError: not ready\n");
  auto exit = raised_by([](auto& gil, auto& self) { self.call_snapshot(gil); });
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->kind(), py::raised_kind::exit);
  EXPECT_EQ(exit->data().exit_code, 3);
}

TEST_F(Hook, SnapshotIsACopyOfAnyBuffer) {
  load(R"(
import array
class Bytes(bytes): pass
class Exporter:
    def __buffer__(self, flags): return memoryview(b'own')
changing = bytearray(b'bytearray')
values = [b'', b'bytes', Bytes(b'subclass'), changing, memoryview(b'a view')[2:], memoryview(bytearray(b'abcd')).cast('H'),
          array.array('B', b'array'), Exporter()]
def snapshot(): return values.pop(0)
)");
  std::vector<ia::shared_bytes> taken;
  for (int i = 0; i < 8; ++i)
    taken.push_back(snapshot());
  execute("changing[:] = b'x' * len(changing)");
  std::vector<std::string> texts;
  for (auto& one : taken) {
    EXPECT_TRUE(one);
    EXPECT_FALSE(one.format());
    texts.emplace_back(one.as_string_view());
  }
  EXPECT_EQ(texts,
            (std::vector<std::string>{"", "bytes", "subclass", "bytearray", "view", "abcd", "array", "own"}));
}

TEST_F(Hook, SnapshotOutlivesItsInterpreterAndHoldsNoPin) {
  load("def snapshot(): return b'x' * 1_000_000");
  auto taken = snapshot();
  EXPECT_EQ(ia::read_payload_stats().pinned_bytes, 0u);
  end();
  EXPECT_EQ(taken.as_string_view(), std::string(1'000'000, 'x'));
}

TEST_F(Hook, SnapshotOfNoneHoldsNothing) {
  load("def snapshot(): pass");
  EXPECT_FALSE(snapshot());
}

TEST_F(Hook, WrongSnapshotSaysWhatToReturn) {
  load(R"(
class Failing:
    def __buffer__(self, flags): raise OSError('no memory here')
values = [[1], 'text', memoryview(b'abcd')[::2], Failing()]
def snapshot(): return values.pop(0)
)");
  for (std::string expected :
       {"TypeError: snapshot() returned a list; it must return None, bytes or another C-contiguous buffer, "
        "whose bytes are copied",
        "TypeError: snapshot() returned a str; it must",
        "TypeError: snapshot() returned a memoryview, whose memory is not", "OSError: no memory here"}) {
    auto error = raised_by([](auto& gil, auto& self) { self.call_snapshot(gil); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->data().summary().substr(0, expected.size()), expected);
  }
}

TEST_F(Hook, RestoreGetsAReadOnlyViewThatStaysValid) {
  load(R"(
def restore(view):
    global kept
    kept = view
def look(_):
    try:
        kept[0] = 1
    except TypeError:
        return b'%s %d %s' % (type(kept).__name__.encode(), kept.readonly, bytes(kept))
)");
  restore(ia::shared_bytes::copy("kept state"));
  EXPECT_EQ(said("look"), "memoryview 1 kept state");
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 1u);
  execute("del kept");
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
}

TEST_F(Hook, RestoreOfASnapshotOfNothingIsGivenNone) {
  load("def restore(view):\n    global kept\n    kept = repr(view).encode()\ndef look(_): return kept");
  restore({});
  EXPECT_EQ(said("look"), "None");
}

class Holdings : public with_interpreter {
protected:
  std::size_t views() {
    return with_gil([](auto& gil, auto& self) { return self.views_held(gil); });
  }
  std::size_t objects() {
    return with_gil([](auto& gil, auto& self) { return self.tracked_objects(gil); });
  }
};

TEST_F(Holdings, ViewsAreCountedWhileCodeSeesThem) {
  load(R"(
import interp_actors
kept = []
def look(view): return b'%d' % len(view or b'')
def keep(view): kept.append(view)
def keep_parts(view): kept.extend([view[1:], view.cast('b'), memoryview(view)])
def build(_): kept.append(interp_actors.Builder(4).freeze())
def give(_): return kept[0]
def forget(_): kept.pop()
def forget_all(_): kept.clear()
def fail(view): raise ValueError
)");
  auto payload = ia::shared_bytes::copy("payload");
  EXPECT_EQ(views(), 0u);
  call("look", payload);
  call("look", payload);
  call("look");
  EXPECT_EQ(views(), 0u);
  call("keep", payload);
  EXPECT_EQ(views(), 1u);
  call("keep", payload);
  EXPECT_EQ(views(), 2u);
  call("keep_parts", payload); // three views of one payload that came once
  EXPECT_EQ(views(), 3u);
  call("build");
  EXPECT_EQ(views(), 4u);
  auto given = call("give");
  EXPECT_EQ(views(), 4u);
  raised_by([&](auto& gil, auto& self) { self.call(gil, "fail", {&payload, 1}); });
  EXPECT_EQ(views(), 4u);
  call("forget");
  EXPECT_EQ(views(), 3u);
  call("forget_all");
  EXPECT_EQ(views(), 0u);
  EXPECT_EQ(given.as_string_view(), "payload");
}

TEST_F(Holdings, TrackedObjectsAreThoseOfTheInterpreter) {
  load("kept = []\ndef grow(_): kept.extend([i] for i in range(10_000))\ndef shrink(_): kept.clear()");
  execute("import gc\ngc.collect()"); // or growing might collect what the start has left
  auto before = objects();
  EXPECT_GT(before, 0u);
  call("grow");
  auto grown = objects();
  EXPECT_GE(grown, before + 10'000);
  call("shrink");
  EXPECT_LE(objects() + 10'000, grown);
}

} // namespace
