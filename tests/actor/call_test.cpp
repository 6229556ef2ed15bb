#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support.hpp"

using namespace ia_test;

namespace {

class Call : public with_runtime {};

TEST_F(Call, ReturnsTheHandlersBytes) {
  auto actor = spawn("def shout(view): return bytes(view).upper()");
  EXPECT_EQ(call(actor, "shout", "hello"), "HELLO");
}

TEST_F(Call, GivesPythonAReadOnlyMemoryview) {
  auto actor = spawn(R"(
def check(view):
    assert type(view) is memoryview and view.readonly
    assert view[1:].readonly and view.cast('b').readonly and view.toreadonly().readonly
    try:
        view[0] = 1
    except TypeError:
        pass
    else:
        raise AssertionError('writable')
    import ctypes
    try:
        ctypes.c_char.from_buffer(view)
    except TypeError:
        return b'read-only'
)");
  EXPECT_EQ(call(actor, "check", "hello"), "read-only");
}

TEST_F(Call, CarriesPayloadsBothWaysWithoutACopy) {
  auto actor = spawn(R"(
import ctypes
def same(view): return view
def part(view): return view[2:5]
)");
  auto sent = ia::shared_bytes::copy("0123456789");
  auto back = me().call(actor, "same", sent);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_EQ(back->data(), sent.data());
  EXPECT_EQ(back->size(), sent.size());
  auto part = me().call(actor, "part", sent);
  ASSERT_TRUE(part) << ia::describe(part.error());
  EXPECT_EQ(part->data(), sent.data() + 2);
  EXPECT_EQ(part->as_string_view(), "234");
}

TEST_F(Call, GivesPythonAMappedFileWithoutACopy) {
  auto path = std::filesystem::path{::testing::TempDir()} / ("call_test_" + std::to_string(::getpid()));
  std::string text(100'000, 'x');
  text.replace(50'000, 5, "hello");
  std::ofstream{path, std::ios::binary} << text;
  auto actor = spawn(R"(
def cut(view):
    assert view.readonly and len(view) == 100_000
    assert bytes(view[49_999:50_006]) == b'xhellox' and bytes(view).count(b'x') == 99_995
    return view[50_000:50_005]
)");
  {
    auto sent = ia::shared_bytes::map_file(path);
    std::filesystem::remove(path); // the mapping keeps the bytes
    auto back = me().call(actor, "cut", sent);
    ASSERT_TRUE(back) << ia::describe(back.error());
    EXPECT_EQ(back->as_string_view(), "hello");
    EXPECT_EQ(back->data(), sent.data() + 50'000);
    sent = {};
    EXPECT_EQ(back->as_string_view(), "hello") << "a part keeps the mapping";
  }
  EXPECT_EQ(ia::read_payload_stats().live_blocks, 0u);
}

TEST_F(Call, NoneAndNothingAreTheSame) {
  auto actor = spawn(
      "def f(view): return view\ndef empty(view): return b''\ndef isnone(v): return b'%d' % (v is None)");
  auto nothing = me().call(actor, "f", ia::shared_bytes{});
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(*nothing);
  auto empty = me().call(actor, "empty", ia::shared_bytes{});
  ASSERT_TRUE(empty);
  EXPECT_TRUE(*empty);
  EXPECT_TRUE(empty->empty());
  auto given = me().call(actor, "isnone", ia::shared_bytes{});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->as_string_view(), "1");
  EXPECT_EQ(call(actor, "isnone", ""), "0");
}

TEST_F(Call, TakesAnyNumberOfPayloads) {
  auto actor = spawn("def join(*views): return b'-'.join(views)\ndef none(): return b'no arguments'");
  std::vector<ia::shared_bytes> many;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    many.push_back(ia::shared_bytes::copy(std::to_string(i)));
    expected += (i == 0 ? "" : "-") + std::to_string(i);
  }
  auto joined = me().call(actor, "join", many);
  ASSERT_TRUE(joined) << ia::describe(joined.error());
  EXPECT_EQ(joined->as_string_view(), expected);
  auto none = me().call(actor, "none");
  ASSERT_TRUE(none) << ia::describe(none.error());
  EXPECT_EQ(none->as_string_view(), "no arguments");
}

TEST_F(Call, ReachesFunctionsOfModules) {
  auto actor = spawn("");
  EXPECT_EQ(call(actor, "base64:b64encode", "hello"), "aGVsbG8=");
}

TEST_F(Call, RefusesWhatIsNoPayloadAndSaysHowToCopy) {
  auto actor = spawn(R"(
import array
def text(v): return 'text'
def mutable(v): return bytearray(b'x')
def mutable_view(v): return memoryview(bytearray(b'x')).toreadonly()
def strided(v): return v[::2]
def released(v):
    v.release()
    return v
)");
  EXPECT_NE(call(actor, "text").find("TypeError: the result is a str; a payload must be"), std::string::npos);
  EXPECT_NE(call(actor, "mutable").find("copy it with bytes(...)"), std::string::npos);
  EXPECT_NE(call(actor, "mutable_view").find("a memoryview of a bytearray, which can change"),
            std::string::npos);
  EXPECT_NE(call(actor, "strided", "abcd").find("not contiguous: copy it with bytes(...)"),
            std::string::npos);
  EXPECT_NE(call(actor, "released", "abcd").find("ValueError"), std::string::npos);
  EXPECT_EQ(call(actor, "base64:b64encode", "hello"), "aGVsbG8="); // it lives
}

TEST_F(Call, NamesTheMissingFunction) {
  auto actor = spawn("x = 1");
  auto missing = me().call(actor, "nowhere", ia::shared_bytes{});
  ASSERT_FALSE(missing);
  EXPECT_EQ(code_of(missing.error()), ia::errc::no_such_function);
  EXPECT_NE(ia::describe(missing.error()).find("no function 'nowhere'"), std::string::npos);
  EXPECT_NE(call(actor, "x").find("TypeError: 'int' object is not callable"), std::string::npos);
  EXPECT_NE(call(actor, "nomodule:f").find("ModuleNotFoundError: No module named 'nomodule'"),
            std::string::npos);
  EXPECT_EQ(code_of(me().call(actor, "json:nothing", ia::shared_bytes{}).error()),
            ia::errc::no_such_function);
}

TEST_F(Call, SeesARedefinedFunction) {
  auto actor = spawn("def f(v): return b'old'");
  EXPECT_EQ(call(actor, "f"), "old");
  ASSERT_TRUE(me().execute(actor, "def f(v): return b'new'"));
  EXPECT_EQ(call(actor, "f"), "new");
}

TEST_F(Call, ExecuteKeepsItsStateAndReportsErrors) {
  auto actor = spawn("total = 0");
  ASSERT_TRUE(me().execute(actor, "total += 20"));
  ASSERT_TRUE(me().execute(actor, "total += 22\ndef get(v): return b'%d' % total"));
  EXPECT_EQ(call(actor, "get"), "42");
  auto failed = me().execute(actor, "a = 1\nb = a / 0\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(ia::python_error_of(failed.error())->traceback(), "Traceback (most recent call last):\n"
                                                              "  File \"<execute 3>\", line 2, in <module>\n"
                                                              "    b = a / 0\n"
                                                              "ZeroDivisionError: division by zero\n");
}

TEST_F(Call, WorksFromAScopedActorAndFromAnEventBasedOne) {
  auto actor = spawn("def shout(view): return bytes(view).upper()");
  caf::scoped_actor self{system()};
  std::string seen;
  ia::compat::request(self, actor, caf::infinite, ia::call_atom_v, std::string{"shout"},
                      ia::shared_bytes::copy("one"))
      .receive([&](const ia::shared_bytes& bytes) { seen = bytes.as_string_view(); },
               [&](const caf::error& problem) { seen = ia::describe(problem); });
  EXPECT_EQ(seen, "ONE");
  caf::actor observer = self;
  system().spawn([actor, observer](caf::event_based_actor* me) {
    ia::compat::request(me, actor, caf::infinite, ia::call_atom_v, std::string{"shout"},
                        ia::shared_bytes::copy("two"))
        .then([me, observer](const ia::shared_bytes& bytes) {
          ia::compat::send(me, observer, std::string{bytes.as_string_view()});
        });
  });
  self->receive([&](const std::string& text) { seen = text; });
  EXPECT_EQ(seen, "TWO");
}

TEST_F(Call, AnswersUnexpectedMessages) {
  auto actor = caf::actor_cast<caf::actor>(spawn(""));
  caf::scoped_actor self{system()};
  caf::error seen;
  ia::compat::request(self, actor, caf::infinite, 42)
      .receive([](int) {}, [&](const caf::error& e) { seen = e; });
  EXPECT_EQ(seen, caf::sec::unexpected_message);
}

TEST_F(Call, KeepsTheOrderOfOneSender) {
  auto actor = spawn("seen = []\ndef put(v): seen.append(int(bytes(v)))\ndef check(v): return b'%d' % (seen "
                     "== list(range(1000)))");
  for (int i = 0; i < 1000; ++i)
    ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{"put"},
                               ia::shared_bytes::copy(std::to_string(i)));
  EXPECT_EQ(call(actor, "check"), "1");
}

TEST_F(Call, LetsOtherPythonThreadsOfTheInterpreterRunWhileBusy) {
  // Between the two looks at the count no bytecode runs in the interpreter's own thread and its mailbox is never
  // empty: either would give the GIL to the counting thread.
  auto actor = spawn_at_gate(R"(
import functools, operator, threading
count = [b'0']
stop = False
def counting():
    n = 0
    while not stop:
        n += 1
        count[0] = b'%d' % n
thread = threading.Thread(target=counting)
thread.start()
counted = functools.partial(operator.getitem, count, 0)
busy = functools.partial((b'x' * 100_000).translate, None, b'x')
def wait(): arrive(); wait_at_gate()
def finish(v):
    global stop
    stop = True
    thread.join()
)");
  auto send = [&](const char* function) {
    ia::compat::anonymous_send(actor, ia::call_atom_v, std::string{function},
                               std::vector<ia::shared_bytes>{});
  };
  caf::scoped_actor self{system()};
  auto count = [&] {
    return ia::compat::request(self, actor, caf::timespan{patience}, ia::call_atom_v, std::string{"counted"},
                               std::vector<ia::shared_bytes>{});
  };
  auto value = [](auto request) {
    long long result = -1;
    std::move(request).receive(
        [&](const ia::shared_bytes& n) { result = std::stoll(std::string{n.as_string_view()}); },
        [](const caf::error& problem) { ADD_FAILURE() << ia::describe(problem); });
    return result;
  };
  send("wait");
  ASSERT_TRUE(gate.arrived());
  auto first = count();
  for (int i = 0; i < 4000; ++i)
    send("busy");
  auto last = count();
  gate.open();
  auto before = value(std::move(first));
  EXPECT_GT(value(std::move(last)), before);
  EXPECT_EQ(call(actor, "finish"), "None");
}

TEST_F(Call, PayloadsOutliveTheirInterpreter) {
  ia::shared_bytes kept;
  {
    auto actor = spawn("def make(v): return b'x' * 100");
    kept = *me().call(actor, "make", ia::shared_bytes{});
  }
  EXPECT_EQ(kept.as_string_view(), std::string(100, 'x'));
}

TEST_F(Call, WhateverPythonKeepsOfAViewNeverChanges) {
  // The library uses a memoryview again for the next call, but only one that nothing else can see.
  auto actor = spawn(R"(
import gc, weakref
kept = []
refs = []
count = 0
class Holder: pass
def take(view):
    global count
    text = bytes(view)
    assert view.readonly and view.format == 'B' and view.shape == (len(text),) and hash(view) == hash(text)
    kind = count % 12
    count += 1
    if kind == 0: kept.append((text, view))
    elif kind == 1: kept.append((text, view[:]))
    elif kind == 2: kept.append((text, view.cast('c')))
    elif kind == 3: kept.append((text, memoryview(view)))
    elif kind == 4: kept.append((text, iter(view)))
    elif kind == 5: kept.append((text, memoryview(view.obj)))
    elif kind == 6: refs.append((text, weakref.ref(view)))
    elif kind == 7: view.release()
    elif kind == 8:
        holder = Holder(); holder.me = holder; holder.view = view
    elif kind == 9:
        found = [o for o in gc.get_objects() if type(o) is memoryview and o is view] if count % 100 == 10 else []
        kept.extend((text, o) for o in found)
    elif kind == 10: return view
    elif kind == 11: return view[1:]
def check(view):
    bad = [text for text, it in kept if bytes(it) != text]
    bad += [text for text, ref in refs if ref() is not None and bytes(ref()) != text]
    return b'%d kept, %d bad' % (len(kept), len(bad))
)");
  std::vector<std::pair<std::string, ia::shared_bytes>> returned;
  for (int i = 0; i < 6000; ++i) {
    auto text = "message " + std::to_string(i);
    auto result = me().call(actor, "take", ia::shared_bytes::copy(text));
    ASSERT_TRUE(result) << ia::describe(result.error());
    if (*result)
      returned.emplace_back(result->size() == text.size() ? text : text.substr(1), *result);
  }
  for (auto& [text, bytes] : returned)
    ASSERT_EQ(bytes.as_string_view(), text);
  EXPECT_EQ(returned.size(), 1000u);
  auto verdict = call(actor, "check");
  EXPECT_NE(verdict.find(" kept, 0 bad"), std::string::npos) << verdict;
}

TEST_F(Call, FormattedPayloadsArriveAsTypedViews) {
  auto actor = spawn(R"(
def check(v):
    assert v.format == 'f' and v.itemsize == 4 and v.shape == (2, 3) and v.ndim == 2 and v.readonly
    assert v.tolist() == [[0, 1, 2], [3, 4, 5]], v.tolist()
    return v
def doubles(v): return v.cast('B').cast('d')
)");
  std::vector<float> numbers{0, 1, 2, 3, 4, 5};
  auto plain = ia::shared_bytes::copy(std::as_bytes(std::span{numbers}));
  auto typed = plain.with_format({"f", 4, {2, 3}, {}});
  auto back = me().call(actor, "check", typed);
  ASSERT_TRUE(back) << ia::describe(back.error());
  EXPECT_EQ(back->data(), plain.data());
  ASSERT_NE(back->format(), nullptr);
  EXPECT_EQ(back->format()->format, "f");
  EXPECT_EQ(back->format()->shape, (std::vector<std::ptrdiff_t>{2, 3}));
  auto doubles = me().call(actor, "doubles", typed);
  ASSERT_TRUE(doubles) << ia::describe(doubles.error());
  EXPECT_EQ(doubles->format()->format, "d");
  EXPECT_EQ(doubles->data(), plain.data());
}

TEST_F(Call, AllCodecsWorkAlthoughEncodingsIsFrozen) {
  auto actor = spawn(R"(
def check(v):
    import encodings, locale, sys
    for name in ('latin-1', 'cp1252', 'utf-16', 'idna', 'ascii', 'punycode', 'utf-8-sig', 'rot13'):
        import codecs
        codecs.lookup(name)
    assert sys.getfilesystemencoding() == 'utf-8' and sys.stdout.encoding == 'utf-8'
    return 'äöü'.encode('cp1252').decode('latin-1').encode()
)");
  EXPECT_EQ(call(actor, "check"), "äöü");
}

TEST_F(Call, BuilderFillsLibraryMemoryAndFreezesIt) {
  auto actor = spawn(R"(
import interp_actors
def build(v):
    builder = interp_actors.Builder(1000)
    assert len(builder) == 1000
    with memoryview(builder) as m:
        m[:3] = b'abc'
        try:
            builder.freeze()
        except BufferError as e:
            assert 'release them before' in str(e)
        else:
            raise AssertionError
    view = builder.freeze()
    assert view.readonly and bytes(view[:4]) == b'abc\0'
    for again in (builder.freeze, lambda: memoryview(builder)):
        try:
            again()
        except ValueError as e:
            assert 'frozen' in str(e)
        else:
            raise AssertionError
    return view[:3]
def negative(v): interp_actors.Builder(-1)
)");
  EXPECT_EQ(call(actor, "build"), "abc");
  EXPECT_NE(call(actor, "negative").find("ValueError: Builder(size=-1)"), std::string::npos);
}

} // namespace
