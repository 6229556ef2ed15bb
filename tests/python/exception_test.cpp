#include <filesystem>
#include <fstream>
#include <sstream>

#include "support.hpp"

using namespace ia_test;
namespace fs = std::filesystem;

namespace {

/// Runs `scenario` of the code under test, notes in a file what Python's own traceback module says about what
/// it raises, and lets that go on to C++. linecache is told the source texts that exist in memory alone.
constexpr const char* watching = R"(
import traceback, linecache, sys, re

def remember(name, text):
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)

def without_suggestions(text):
    # The module traceback searches for similar names; the library does not import it, and so does not have them.
    return re.sub(r"(?m)(\. Did you mean:? '.*| Or did you forget.*|\. Did you forget.*|\. Site initialization.*)$", '', text)

def without_carets(text):
    # Carets below frames are left out; those of a SyntaxError stay, below a "File" line without a function.
    kept, in_frame = [], False
    for line in text.split('\n'):
        body = line.lstrip(' |')
        if body.startswith('File "'):
            in_frame = ', in ' in body
        if in_frame and re.fullmatch(r'[ ^~]*[\^~][ ^~]*', body):
            continue
        kept.append(line)
    return '\n'.join(kept)

def said(e):
    return without_carets(without_suggestions(''.join(traceback.format_exception(e))))

def watched(folder):
    folder = str(bytes(folder), 'utf-8')
    for number, text in enumerate(open(folder + '/sources').read().split('\0')):
        remember('test.py' if number == 0 else f'<execute {number}>', text)
    try:
        scenario()
    except BaseException as e:
        with open(folder + '/said', 'wb') as out:
            out.write(said(e).encode('utf-8', 'backslashreplace'))
        raise
)";

fs::path make_folder() {
  std::string pattern = (fs::temp_directory_path() / "exception_test.XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw std::runtime_error("mkdtemp");
  return pattern;
}

/// The test's own; made with its fixture.
fs::path folder;

ia::runtime_options with_folder() {
  folder = make_folder();
  auto options = quick_options();
  options.python.sys_path = {folder.string()};
  return options;
}

class Exception : public with_runtime {
protected:
  Exception() : with_runtime{with_folder()} {}
  ~Exception() override { fs::remove_all(folder); }

  static void write(const std::string& name, const std::string& text) {
    std::ofstream{folder / name, std::ios::binary} << text;
  }

  static std::string read(const std::string& name) {
    std::ifstream in{folder / name, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  struct outcome {
    ia::errc code{};
    ia::python_error error;
    std::string expected; // Python's own words
  };

  /// Spawns `code` with `watching` behind it, runs `executed` one by one, and calls `scenario`, which it
  /// defines.
  outcome raise(const std::string& code, const std::vector<std::string>& executed = {}) {
    auto whole = code + watching;
    auto sources = whole;
    auto actor = spawn(whole);
    for (auto& text : executed) {
      auto done = me().execute(actor, text);
      EXPECT_TRUE(done) << ia::describe(done.error());
      sources += '\0' + text;
    }
    write("sources", sources);
    auto result = me().call(actor, "watched", ia::shared_bytes::copy(folder.string()));
    if (result) {
      ADD_FAILURE() << "nothing was raised";
      return {};
    }
    auto error = ia::python_error_of(result.error());
    EXPECT_TRUE(error) << ia::describe(result.error());
    return {code_of(result.error()), error.value_or(ia::python_error{}), read("said")};
  }

  static std::string numbered(const std::string& text) {
    std::string result;
    std::istringstream in{text};
    int number = 0;
    for (std::string line; std::getline(in, line);)
      result += std::to_string(++number) + " " + line + "\n";
    return result;
  }

  outcome expect_pythons_words(const std::string& code, const std::vector<std::string>& executed = {}) {
    auto result = raise(code, executed);
    EXPECT_FALSE(result.expected.empty());
    EXPECT_EQ(numbered(result.error.traceback()), numbered(result.expected));
    EXPECT_TRUE(result.error.traceback().ends_with('\n'));
    EXPECT_EQ(result.error.left_out, 0u);
    return result;
  }
};

TEST_F(Exception, SimpleOne) {
  auto result = expect_pythons_words(R"(
def scenario():
    inner(1)
def inner(x):
    if x:
        raise ValueError('too large')
)");
  EXPECT_EQ(result.code, ia::errc::python_exception);
  EXPECT_EQ(result.error.summary(), "ValueError: too large");
  EXPECT_EQ(result.error.type(), "ValueError");
  EXPECT_EQ(result.error.exceptions.at(0).frames.back(),
            (ia::python_frame{"test.py", 6, "inner", "raise ValueError('too large')"}));
  EXPECT_FALSE(result.error.exit_code);
}

TEST_F(Exception, ExplicitCause) {
  expect_pythons_words(R"(
def scenario():
    try:
        {}['key']
    except KeyError as e:
        raise RuntimeError('no such setting') from e
)");
}

TEST_F(Exception, CauseThatWasNeverRaised) {
  expect_pythons_words("def scenario(): raise RuntimeError('a') from ValueError('never raised')\n");
}

TEST_F(Exception, Context) {
  expect_pythons_words(R"(
def scenario():
    try:
        1 / 0
    except ZeroDivisionError:
        try:
            int('x')
        finally:
            [][1]
)");
}

TEST_F(Exception, FromNone) {
  auto result = expect_pythons_words(R"(
def scenario():
    try:
        1 / 0
    except ZeroDivisionError:
        raise ValueError('alone') from None
)");
  EXPECT_TRUE(result.error.exceptions.at(0).suppress_context);
  EXPECT_EQ(result.error.exceptions.at(0).context, 1); // not printed, but there
}

TEST_F(Exception, ChainsThatMeet) {
  // Which of several references to one exception shows it depends on the order in which Python looks at them.
  expect_pythons_words(R"(
def scenario():
    a, b, c, d = (ValueError(n) for n in 'abcd')
    b.__cause__ = d
    c.__cause__ = d
    a.__cause__ = b
    a.__context__ = c
    raise a
)");
  expect_pythons_words(R"(
def scenario():
    a, b, c = (ValueError(n) for n in 'abc')
    a.__cause__ = c
    b.__context__ = c
    raise ExceptionGroup('g', [a, b])
)");
  expect_pythons_words(R"(
def scenario():
    a, b, c = (ValueError(n) for n in 'abc')
    a.__cause__ = a.__context__ = b
    b.__cause__ = a
    b.__context__ = c
    b.__suppress_context__ = False
    raise a
)");
}

TEST_F(Exception, Notes) {
  expect_pythons_words(R"(
def scenario():
    e = ValueError('with notes')
    e.add_note('first')
    e.add_note('second\nof two lines\n')
    e.add_note('')
    raise e
)");
}

class NotesOfKind : public Exception, public ::testing::WithParamInterface<const char*> {};

TEST_P(NotesOfKind, PrintAsPythonPrintsThem) {
  expect_pythons_words(std::string{R"(
class Bad:
    def __str__(self): raise ValueError
    __repr__ = __str__
def scenario():
    e = ValueError('odd notes')
    e.__notes__ = )"} + GetParam()
                       + "\n    raise e\n");
}

INSTANTIATE_TEST_SUITE_P(Exception, NotesOfKind,
                         ::testing::Values("None", "42", "'text'", "b'bytes'", "('a', 'tuple')",
                                           "[1, None, 'x']", "[]", "{'a': 1}", "Bad()", "[Bad()]",
                                           "['\\ud800']"));

TEST_F(Exception, NotesWhosePropertyRaises) {
  expect_pythons_words(R"(
class Odd(Exception):
    @property
    def __notes__(self): raise ValueError('no notes')
def scenario(): raise Odd('odd')
)");
}

TEST_F(Exception, GroupsInGroupsWithCauses) {
  expect_pythons_words(R"(
def make(name):
    try:
        try:
            int(name)
        except ValueError as e:
            raise TypeError('of ' + name) from e
    except TypeError as e:
        e.add_note('note of ' + name + '\nin two lines')
        return e
def scenario():
    inner = ExceptionGroup('inner', [make('a'), OSError(2, 'No such file', 'f')])
    try:
        raise inner
    except ExceptionGroup:
        raise ExceptionGroup('outer\nmessage', [make('b'), inner, KeyError('k')]) from make('c')
)");
}

TEST_F(Exception, GroupAsCauseAndContext) {
  expect_pythons_words(R"(
def scenario():
    try:
        raise BaseExceptionGroup('g', [KeyboardInterrupt(), ExceptionGroup('h', [ValueError(1)])])
    except BaseExceptionGroup as e:
        raise ValueError('after the group') from e
)");
}

TEST_F(Exception, GroupInsideOfGroupAsLastMember) {
  expect_pythons_words(R"(
def scenario():
    raise ExceptionGroup('1', [ValueError(1), ExceptionGroup('2', [ExceptionGroup('3', [ValueError(3)])])])
)");
}

class GroupOfSize : public Exception, public ::testing::WithParamInterface<int> {};

TEST_P(GroupOfSize, PrintsFifteenMembers) {
  expect_pythons_words("def scenario():\n    raise ExceptionGroup('many', [ValueError(i) for i in range("
                       + std::to_string(GetParam()) + ")])\n");
}

INSTANTIATE_TEST_SUITE_P(Exception, GroupOfSize, ::testing::Values(1, 14, 15, 16, 17, 200));

TEST_F(Exception, HugeGroupSaysWhatIsLeftOut) {
  auto result = raise("def scenario(): raise ExceptionGroup('many', [ValueError(i) for i in range(1000)])\n");
  EXPECT_EQ(result.error.exceptions.size() + result.error.left_out, 1001u);
  EXPECT_NE(result.error.traceback().find("(745 further exceptions left out)"), std::string::npos);
}

TEST_F(Exception, GroupsDeeperThanTen) {
  expect_pythons_words(R"(
def scenario():
    e = ValueError('inmost')
    for i in range(14):
        e = ExceptionGroup(f'level {14 - i}', [e, KeyError(i)])
    raise e
)");
}

TEST_F(Exception, SharedMembers) {
  expect_pythons_words(R"(
def scenario():
    shared = ValueError('shared')
    shared.__cause__ = TypeError('of both')
    raise ExceptionGroup('g', [shared, shared])
)");
}

TEST_F(Exception, DeepRecursionIsCounted) {
  auto result = expect_pythons_words(R"(
def scenario():
    forever(0)
def forever(n):
    forever(n + 1)
)");
  EXPECT_NE(result.error.traceback().find("[Previous line repeated "), std::string::npos);
  EXPECT_EQ(result.error.type(), "RecursionError");
  EXPECT_EQ(result.error.exceptions.at(0).frames_left_out, 0u);
}

TEST_F(Exception, RepetitionsOfThreeAndFour) {
  for (int depth : {2, 3, 4, 5})
    expect_pythons_words(
        "def down(n):\n    if n == 0: raise ValueError('ground')\n    down(n - 1)\ndef scenario():\n    down("
        + std::to_string(depth) + ")\n");
}

TEST_F(Exception, TracebackOfFiftyThousandFrames) {
  // Two functions in turn, so that no line repeats: the first hundred and the last hundred calls are kept.
  auto result = raise(R"(
def scenario():
    import sys
    sys.setrecursionlimit(60000)
    even(50000)
def even(n):
    odd(n - 1)
def odd(n):
    if n <= 0: raise ValueError('far down')
    even(n - 1)
)");
  auto& data = result.error.exceptions.at(0);
  EXPECT_EQ(data.frames.size(), 200u);
  EXPECT_EQ(data.left_out_at, 100u);
  EXPECT_EQ(data.frames_left_out, 50'004u - 200u);
  auto ours = result.error.traceback();
  auto mark = ours.find("  [49804 frames left out]\n");
  ASSERT_NE(mark, std::string::npos);
  EXPECT_TRUE(result.expected.starts_with(ours.substr(0, mark)));
  EXPECT_TRUE(result.expected.ends_with(ours.substr(ours.find('\n', mark) + 1)));
}

TEST_F(Exception, ChainOfTenThousandKeepsTheNewest) {
  auto result = raise(R"(
def scenario():
    e = None
    for i in range(10000):
        next = ValueError(i)
        next.__cause__ = e
        e = next
    raise e
)");
  EXPECT_EQ(result.error.exceptions.size(), 256u);
  EXPECT_EQ(result.error.left_out, 10'000u - 256u);
  auto ours = result.error.traceback();
  std::string last = "(9744 further exceptions left out)\n";
  ASSERT_TRUE(ours.ends_with(last));
  EXPECT_TRUE(result.expected.ends_with(ours.substr(0, ours.size() - last.size())));
}

TEST_F(Exception, CauseCycle) {
  expect_pythons_words(R"(
def scenario():
    a, b, c = ValueError('a'), TypeError('b'), KeyError('c')
    a.__cause__, b.__cause__, c.__cause__ = b, c, a
    raise a
)");
}

TEST_F(Exception, SelfAsCause) {
  expect_pythons_words("def scenario():\n    a = ValueError('a')\n    a.__cause__ = a\n    raise a\n");
}

TEST_F(Exception, AttributesThatRaise) {
  // Python's traceback module does not get through these; the C level attributes are there all the same.
  auto actor = spawn(R"(
class Odd(Exception):
    @property
    def __cause__(self): raise ValueError('no cause')
    @property
    def __context__(self): raise ValueError('no context')
    @property
    def __traceback__(self): raise ValueError('no traceback')
    @property
    def __suppress_context__(self): raise ValueError('no suppression')
    @property
    def __notes__(self): raise KeyboardInterrupt
    def __str__(self): raise SystemExit
def f(view):
    try:
        1 / 0
    except ZeroDivisionError:
        raise Odd
)");
  auto result = me().call(actor, "f", ia::shared_bytes{});
  ASSERT_FALSE(result);
  auto error = ia::python_error_of(result.error());
  ASSERT_TRUE(error);
  EXPECT_EQ(error->summary(), "Odd: <exception str() failed>");
  EXPECT_EQ(error->exceptions.size(), 2u);
  EXPECT_EQ(call(actor, "base64:b64encode", "hello"), "aGVsbG8="); // it lives
}

TEST_F(Exception, EmptyMessage) {
  expect_pythons_words("def scenario(): raise ValueError\n");
  expect_pythons_words("def scenario(): raise ValueError('')\n");
}

TEST_F(Exception, MessageOfManyLines) {
  expect_pythons_words("def scenario(): raise ValueError('one\\n\\n  two\\n')\n");
  expect_pythons_words("def scenario(): raise ExceptionGroup('g', [ValueError('one\\n\\n  two\\n')])\n");
}

TEST_F(Exception, KeyErrorShowsTheRepr) {
  auto result = expect_pythons_words("def scenario(): {}['a\\n']\n");
  EXPECT_EQ(result.error.message(), R"('a\n')");
}

TEST_F(Exception, ImportErrors) {
  expect_pythons_words("def scenario(): import no_such_module_here\n");
  expect_pythons_words("def scenario(): from json import no_such_name\n");
}

TEST_F(Exception, NamesThatPythonHasSuggestionsFor) {
  expect_pythons_words("def scenario():\n    length = 1\n    return lenght\n");
  expect_pythons_words("def scenario(): ''.uper()\n");
  expect_pythons_words("def scenario(): from json import lodas\n");
  expect_pythons_words("def scenario(): time.sleep(1)\n");
}

TEST_F(Exception, ClassesOfUsers) {
  EXPECT_EQ(expect_pythons_words("class Mine(Exception):\n    class Inner(ValueError): pass\ndef scenario(): "
                                 "raise Mine.Inner(1, 2)\n")
                .error.type(),
            "Mine.Inner");
  write("user_module.py", "class Theirs(Exception): pass\ndef fail():\n    raise Theirs('of a module')\n");
  EXPECT_EQ(expect_pythons_words("import user_module\ndef scenario(): user_module.fail()\n").error.type(),
            "user_module.Theirs");
  expect_pythons_words("class Odd(Exception): __module__ = None\ndef scenario(): raise Odd\n");
  expect_pythons_words("class Odd(Exception): __module__ = 'builtins'\ndef scenario(): raise Odd\n");
}

TEST_F(Exception, LongMessagesAreCut) {
  auto result = raise("class Long(Exception):\n    def __str__(self): return '\\u20ac' * 10_000_000\ndef "
                      "scenario(): raise Long\n");
  EXPECT_LT(result.error.message().size(), 64u * 1024 + 20);
  EXPECT_TRUE(result.error.message().ends_with("€... (cut)"));
}

TEST_F(Exception, ManyNotesAndHugeChainsAreCut) {
  auto notes =
      raise("def scenario():\n    e = ValueError('noted')\n    e.__notes__ = ['n'] * 100_000\n    raise e\n");
  ASSERT_EQ(notes.error.exceptions.front().notes.size(), 65u);
  EXPECT_EQ(notes.error.exceptions.front().notes.back(), "... (99936 more notes)");
  auto group = raise("def scenario(): raise ExceptionGroup('all', [ValueError(str(i) + 'x' * 60_000) for i "
                     "in range(200)])\n");
  ASSERT_EQ(group.error.exceptions.size(), 201u);
  std::size_t total = 0;
  for (auto& each : group.error.exceptions) {
    total += each.message.size();
    for (auto& argument : each.args.value_or(std::vector<ia::python_argument>{}))
      total += argument.text.size();
  }
  EXPECT_GT(total, 4u * 1024 * 1024);
  EXPECT_LT(total, 5u * 1024 * 1024);
  EXPECT_EQ(group.error.exceptions.back().type, "ValueError");
  EXPECT_EQ(group.error.exceptions.back().message, "<left out: the exceptions before it are too large>");
}

TEST_F(Exception, MessagesOfSixtyFourKibibytesAreWhole) {
  expect_pythons_words("def scenario(): raise ValueError('x' * 65536)\n");
}

TEST_F(Exception, StrThatRaises) {
  expect_pythons_words(
      "class Odd(Exception):\n    def __str__(self): raise ValueError('inner')\ndef scenario(): raise Odd\n");
  expect_pythons_words(
      "class Odd(Exception):\n    def __str__(self): return 42\ndef scenario(): raise Odd\n");
}

TEST_F(Exception, LoneSurrogates) {
  expect_pythons_words("def scenario(): raise ValueError('a\\ud800b\\udcff')\n");
  auto result = expect_pythons_words(R"(
def scenario():
    namespace = {}
    exec(compile('def f(): raise ValueError(1)', 'a\udcff\ud800.py', 'exec'), namespace)
    namespace['f']()
)");
  EXPECT_NE(result.error.traceback().find(R"(File "a\udcff\ud800.py", line 1)"), std::string::npos);
}

TEST_F(Exception, FilesWhoseNameIsNotUtf8ShowTheirSource) {
  write("latin_\xE4.py", "def f():\n    raise ValueError('here')\n");
  expect_pythons_words(R"(
def scenario():
    import importlib.util
    spec = importlib.util.spec_from_file_location('latin', sys.path[0] + '/latin_\udce4.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.f()
)");
}

TEST_F(Exception, FilesInOtherEncodingsShowTheirSource) {
  write("in_latin_1.py", "# -*- coding: latin-1 -*-\ndef f():\n    raise ValueError('\xE4\xF6\xFC')\n");
  write("with_mark.py", "\xEF\xBB\xBF"
                        "def f(): raise ValueError('\xC3\xA4')\r\n");
  expect_pythons_words("import in_latin_1\ndef scenario(): in_latin_1.f()\n");
  expect_pythons_words("import with_mark\ndef scenario(): with_mark.f()\n");
}

TEST_F(Exception, FilesThatAreGoneShowNoSource) {
  write("will_go.py", "def f():\n    raise ValueError(1)\n");
  expect_pythons_words("import will_go, os\nos.unlink(will_go.__file__)\ndef scenario(): will_go.f()\n");
}

TEST_F(Exception, FramesOfTextFileExecuteAndModule) {
  write("by_module.py", "def call(f):\n    # a comment\n    return f()\n");
  write("by_file.py", "def call(f):\n    return (f())  # with a comment\n");
  expect_pythons_words(
      R"(
import by_module, runpy
by_file = runpy.run_path(sys.path[0] + '/by_file.py') if False else None
def scenario():
    by_module.call(from_execute)
)",
      {"def from_execute():\n    deeper()\n", "def deeper():\n\n    raise ValueError('deep')\n"});
}

TEST_F(Exception, FramesOfASpawnedFile) {
  write("main.py", std::string{"def scenario():\n    raise ValueError('in a file')\n"} + watching);
  write("sources", "");
  auto actor = rt().spawn(ia::file(folder / "main.py"));
  ASSERT_TRUE(actor) << ia::describe(actor.error());
  auto result = me().call(*actor, "watched", ia::shared_bytes::copy(folder.string()));
  ASSERT_FALSE(result);
  EXPECT_EQ(ia::python_error_of(result.error())->traceback(), read("said"));
  EXPECT_NE(read("said").find("    raise ValueError('in a file')\n"), std::string::npos);
}

TEST_F(Exception, FramesOfASpawnedModule) {
  write("main_module.py",
        std::string{"class E(Exception): pass\ndef scenario():\n    raise E('in a module')\n"} + watching);
  write("sources", "");
  auto actor = rt().spawn(ia::module("main_module"));
  ASSERT_TRUE(actor) << ia::describe(actor.error());
  auto result = me().call(*actor, "watched", ia::shared_bytes::copy(folder.string()));
  ASSERT_FALSE(result);
  EXPECT_EQ(ia::python_error_of(result.error())->traceback(), read("said"));
  EXPECT_EQ(ia::python_error_of(result.error())->type(), "main_module.E");
}

TEST_F(Exception, StatementsOfManyLinesShowTheFirst) {
  // Python 3.13 and newer print all lines of an expression that raised, or the first, the last and those
  // around the operator, which they find with the ast module. A python_frame holds the first.
  auto result = raise(R"(
def fail(*args): raise ValueError(args)
def scenario():
        fail(1,
          2 +
          3,
          4)
)");
  std::istringstream theirs{result.expected};
  std::istringstream ours{result.error.traceback()};
  std::string expected;
  std::string line;
  bool is_frame = false;
  int source_lines = 0;
  while (std::getline(theirs, line)) {
    if (line.starts_with("  File ")) {
      is_frame = true;
      source_lines = 0;
    } else if (!line.starts_with("    ")) {
      is_frame = false;
    } else if (is_frame && ++source_lines > 1) {
      continue;
    }
    expected += line + "\n";
  }
  EXPECT_NE(expected, result.expected);
  EXPECT_EQ(numbered(result.error.traceback()), numbered(expected));
}

// -- SyntaxErrors
// ------------------------------------------------------------------------------------------------------

class SyntaxErrorOf : public Exception, public ::testing::WithParamInterface<const char*> {};

TEST_P(SyntaxErrorOf, IsPrintedWithItsCarets) {
  // The parser's mistakes carry their text along. `exec` gives it the name "<string>".
  expect_pythons_words(std::string{"def scenario(): exec("} + GetParam() + ")\n");
}

INSTANTIATE_TEST_SUITE_P(
    Exception, SyntaxErrorOf,
    ::testing::Values(R"('x = = 1')", R"('def f(:\n  pass')", R"('if 1:\n    x = (1,\n    y = 2\n')",
                      R"('x = "abc')", R"('x = """abc\ndef')", R"('if 1:\npass')", R"('  x = 1')",
                      R"('if 1:\n  x\n   y')", R"('if 1:\n\tx\n        y')", R"('(1 + 2')", R"('f(**x, *y)')",
                      R"('a b')", R"('x = 1 +')", R"('\xe4 = 1 2')", R"('for x in range(10)\n  pass')",
                      R"('f"{x"')", R"('a, b += 1')", R"('None = 1')", R"('1 = x')", R"('f(a=1, 2)')",
                      R"('x = 0777')", R"('print "hello"')", R"('\\')", R"('x = $')", R"('del f()')",
                      R"(b'\xff = 1')", R"(b'# coding: no-such-codec\nx')", R"('a\0b')"));

class SyntaxErrorByHand : public Exception, public ::testing::WithParamInterface<const char*> {};

TEST_P(SyntaxErrorByHand, IsPrintedAsFarAsItKnowsItsPlace) {
  expect_pythons_words(std::string{"def scenario():\n    raise SyntaxError("} + GetParam() + ")\n");
}

INSTANTIATE_TEST_SUITE_P(
    Exception, SyntaxErrorByHand,
    ::testing::Values("", "None", "''", "'message only'", "42", "'m', ('f.py', 3, 5, 'some text')",
                      "'m', ('f.py', 3, 5, 'some text\\n', 3, 7)",
                      "'m', ('f.py', 3, 5, 'some text\\n', 4, 2)", "'m', ('f.py', 3, 0, 'some text')",
                      "'m', ('f.py', 3, -1, 'some text')", "'m', ('f.py', 3, None, '  some text')",
                      "'m', ('f.py', 3, 3, '  some text', 3, 100)",
                      "'m', ('f.py', 3, 100, '  some text', 3, 200)",
                      "'m', ('f.py', 3, 1, '  some text', 3, 2)", "'m', ('f.py', None, None, None)",
                      "'m', (None, 3, 1, 'text')", "'m', (None, None, None, None)",
                      "'m', ('f.py', 0, 0, None)", "'m', ('f.py', 3, 4, 'text', 3, 2)",
                      "'m', ('f.py', 3, 1, 'two\\nlines', 4, 2)"));

TEST_F(Exception, SyntaxErrorInAGroup) {
  expect_pythons_words(R"(
def scenario():
    try:
        exec('x = = 1')
    except SyntaxError as e:
        raise ExceptionGroup('g', [e])
)");
}

TEST_F(Exception, CompilersMistakesShowTheTextOfTextsInMemory) {
  // The parser knows the text; the compiler, which comes after it, looks for a file of that name. Python
  // prints none here.
  auto problem = rt().spawn(ia::text("def f():\n    x = 1\n    global x\n", "memory.py")).error();
  EXPECT_EQ(ia::python_error_of(problem)->traceback(),
            "  File \"memory.py\", line 3\n"
            "    global x\n"
            "    ^^^^^^^^\n"
            "SyntaxError: name 'x' is assigned to before global declaration\n");
}

TEST_F(Exception, SyntaxErrorsOfExecuteAndFile) {
  auto actor = spawn("");
  auto failed = me().execute(actor, "x = 1\nif x\n    pass\n");
  ASSERT_FALSE(failed);
  EXPECT_EQ(ia::python_error_of(failed.error())->traceback(), "  File \"<execute 1>\", line 2\n"
                                                              "    if x\n"
                                                              "        ^\n"
                                                              "SyntaxError: expected ':'\n");
  write("broken.py", "x = 1\nreturn x\n");
  auto path = (folder / "broken.py").string();
  auto problem = rt().spawn(ia::file(path)).error();
  EXPECT_EQ(ia::python_error_of(problem)->traceback(), "  File \"" + path
                                                           + "\", line 2\n"
                                                             "    return x\n"
                                                             "    ^^^^^^^^\n"
                                                             "SyntaxError: 'return' outside function\n");
}

// -- what ends the interpreter
// -----------------------------------------------------------------------------------------

TEST_F(Exception, SystemExitWithANumber) {
  auto result = expect_pythons_words("def scenario(): raise SystemExit(3)\n");
  EXPECT_EQ(result.code, ia::errc::exited);
  EXPECT_EQ(result.error.exit_code, 3);
}

TEST_F(Exception, SystemExitWithAText) {
  auto result = expect_pythons_words("def scenario():\n    import sys\n    sys.exit('text')\n");
  EXPECT_EQ(result.code, ia::errc::exited);
  EXPECT_EQ(result.error.exit_code, 1);
  EXPECT_EQ(result.error.message(), "text");
}

TEST_F(Exception, SystemExitWithOddCodes) {
  EXPECT_EQ(expect_pythons_words("def scenario(): raise SystemExit(-1)\n").error.exit_code, -1);
  EXPECT_EQ(expect_pythons_words("def scenario(): raise SystemExit(1 << 80)\n").error.exit_code, -1);
  EXPECT_EQ(expect_pythons_words("def scenario(): raise SystemExit((1, 2))\n").error.exit_code, 1);
  EXPECT_EQ(expect_pythons_words("def scenario(): raise SystemExit(True)\n").error.exit_code, 1);
}

TEST_F(Exception, SystemExitWithNoneAsksForCodeZero) {
  for (auto* value : {"SystemExit", "SystemExit(None)", "SystemExit(0)", "SystemExit(False)"}) {
    auto result = expect_pythons_words(std::string{"def scenario(): raise "} + value + "\n");
    EXPECT_EQ(result.code, ia::errc::exited);
    EXPECT_EQ(result.error.exit_code, 0) << value;
  }
}

TEST_F(Exception, KeyboardInterruptIsACrash) {
  auto result = expect_pythons_words("def scenario(): raise KeyboardInterrupt\n");
  EXPECT_EQ(result.code, ia::errc::crashed);
}

TEST_F(Exception, MemoryErrorLeavesTheInterpreterAlive) {
  auto result = expect_pythons_words("def scenario(): bytearray(1 << 62)\n");
  EXPECT_EQ(result.code, ia::errc::python_exception);
  EXPECT_EQ(result.error.type(), "MemoryError");
}

TEST_F(Exception, CanBeThrownInCpp) {
  auto actor = spawn("def f(view): raise ValueError('across')\n");
  try {
    ia::value_or_throw(me().call(actor, "f", ia::shared_bytes{}));
    FAIL();
  } catch (const ia::python_exception& thrown) {
    EXPECT_EQ(thrown.error().summary(), "ValueError: across");
    EXPECT_TRUE(std::string{thrown.what()}.starts_with("Traceback (most recent call last):\n"));
  }
}

} // namespace
