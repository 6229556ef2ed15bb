#include "interp_actors/base/python_error.hpp"

#include <gtest/gtest.h>

#include <climits>
#include <sstream>

using namespace interp_actors;

namespace {

python_exception_data plain(std::string type, std::string message, std::vector<python_frame> frames = {}) {
  python_exception_data result;
  result.type = std::move(type);
  result.message = std::move(message);
  result.frames = std::move(frames);
  return result;
}

python_exception_data group(std::string message, std::vector<int> members) {
  auto result = plain("ExceptionGroup", std::move(message));
  result.is_group = true;
  result.group = std::move(members);
  return result;
}

python_error error_of(std::vector<python_exception_data> exceptions) {
  python_error result;
  result.exceptions = std::move(exceptions);
  return result;
}

std::string traceback(std::vector<python_exception_data> exceptions) {
  return error_of(std::move(exceptions)).traceback();
}

std::string repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i)
    result += text;
  return result;
}

const python_frame in_f{"a.py", 3, "f", "g()"};
const python_frame in_g{"b.py", 7, "g", ""};
const std::string cause_line = "\nThe above exception was the direct cause of the following exception:\n\n";
const std::string context_line = "\nDuring handling of the above exception, another exception occurred:\n\n";

TEST(PythonError, EmptyOneSaysNothing) {
  python_error empty;
  EXPECT_EQ(empty.traceback(), "");
  EXPECT_EQ(empty.summary(), "");
  EXPECT_EQ(empty.type(), "");
  EXPECT_EQ(empty.message(), "");
}

TEST(PythonError, SummaryIsTypeAndMessageOfTheFirst) {
  auto error = error_of({plain("ValueError", "too large"), plain("KeyError", "'x'")});
  EXPECT_EQ(error.summary(), "ValueError: too large");
  EXPECT_EQ(to_string(error), "ValueError: too large");
  EXPECT_EQ(error.type(), "ValueError");
  EXPECT_EQ(error.message(), "too large");
  EXPECT_EQ(error_of({plain("ValueError", "")}).summary(), "ValueError");
}

TEST(PythonError, StreamsItsTraceback) {
  auto error = error_of({plain("ValueError", "x", {in_f})});
  std::ostringstream out;
  out << error;
  EXPECT_EQ(out.str(), error.traceback());
}

TEST(PythonError, ExceptionCarriesTheErrorAndPrintsTheTraceback) {
  auto error = error_of({plain("ValueError", "x", {in_f})});
  python_exception thrown{error};
  EXPECT_EQ(thrown.what(), error.traceback());
  EXPECT_EQ(thrown.error(), error);
}

TEST(PythonError, PrintsFramesWithAndWithoutSource) {
  EXPECT_EQ(traceback({plain("ValueError", "x", {in_f, in_g})}), "Traceback (most recent call last):\n"
                                                                 "  File \"a.py\", line 3, in f\n"
                                                                 "    g()\n"
                                                                 "  File \"b.py\", line 7, in g\n"
                                                                 "ValueError: x\n");
  EXPECT_EQ(traceback({plain("ValueError", "x")}), "ValueError: x\n");
  EXPECT_EQ(traceback({plain("ValueError", "", {{"a.py", 0, "f", ""}})}),
            "Traceback (most recent call last):\n"
            "  File \"a.py\", line ?, in f\n"
            "ValueError\n");
}

TEST(PythonError, CountsRepeatedFramesFromTheFourthOn) {
  std::string head = "Traceback (most recent call last):\n";
  std::string one = "  File \"a.py\", line 3, in f\n    g()\n";
  auto with_times = [&](std::size_t times) {
    auto frame = in_f;
    frame.times = times;
    return traceback({plain("E", "", {frame, in_g})});
  };
  auto with_copies = [&](std::size_t count) {
    std::vector<python_frame> frames(count, in_f);
    frames.push_back(in_g);
    return traceback({plain("E", "", frames)});
  };
  auto tail = std::string{"  File \"b.py\", line 7, in g\nE\n"};
  for (auto& make : {std::function<std::string(std::size_t)>{with_times},
                     std::function<std::string(std::size_t)>{with_copies}}) {
    EXPECT_EQ(make(1), head + one + tail);
    EXPECT_EQ(make(3), head + repeat(one, 3) + tail);
    EXPECT_EQ(make(4), head + repeat(one, 3) + "  [Previous line repeated 1 more time]\n" + tail);
    EXPECT_EQ(make(100), head + repeat(one, 3) + "  [Previous line repeated 97 more times]\n" + tail);
  }
  auto many = in_f;
  many.times = 10;
  EXPECT_EQ(traceback({plain("E", "", {in_f, many, in_f})}),
            head + repeat(one, 3) + "  [Previous line repeated 9 more times]\nE\n");
}

TEST(PythonError, NamesFramesLeftOut) {
  auto data = plain("E", "", {in_f, in_g});
  data.frames_left_out = 500;
  data.left_out_at = 1;
  EXPECT_EQ(traceback({data}), "Traceback (most recent call last):\n"
                               "  File \"a.py\", line 3, in f\n"
                               "    g()\n"
                               "  [500 frames left out]\n"
                               "  File \"b.py\", line 7, in g\n"
                               "E\n");
  data.frames = std::vector<python_frame>(8, in_f);
  data.left_out_at = 4;
  auto text = traceback({data});
  auto once = std::string{"  [Previous line repeated 1 more time]\n"};
  EXPECT_NE(text.find(once + "  [500 frames left out]\n  File"), std::string::npos) << text;
  data.left_out_at = 1000;
  EXPECT_EQ(traceback({data}).find("left out"), std::string::npos);
}

TEST(PythonError, PrintsCauseAndContextOldestFirst) {
  auto newest = plain("Newest", "n", {in_f});
  newest.cause = 1;
  newest.context = 2; // the cause hides it
  auto middle = plain("Middle", "m");
  middle.context = 2;
  auto oldest = plain("Oldest", "o");
  EXPECT_EQ(traceback({newest, middle, oldest}), "Oldest: o\n" + context_line + "Middle: m\n" + cause_line
                                                     + "Traceback (most recent call last):\n"
                                                       "  File \"a.py\", line 3, in f\n    g()\nNewest: n\n");
}

TEST(PythonError, SuppressedContextIsNotPrinted) {
  auto newest = plain("Newest", "n");
  newest.context = 1;
  newest.suppress_context = true;
  EXPECT_EQ(traceback({newest, plain("Oldest", "o")}), "Newest: n\n");
  newest.suppress_context = false;
  EXPECT_EQ(traceback({newest, plain("Oldest", "o")}), "Oldest: o\n" + context_line + "Newest: n\n");
}

TEST(PythonError, CyclesEnd) {
  auto first = plain("A", "");
  auto second = plain("B", "");
  first.cause = 1;
  second.cause = 0;
  EXPECT_EQ(traceback({first, second}), "B\n" + cause_line + "A\n");
  first.cause = 0;
  EXPECT_EQ(traceback({first}), "A\n");
  first.cause = -1;
  first.context = 0;
  EXPECT_EQ(traceback({first}), "A\n");
}

TEST(PythonError, PlacesThatDoNotExistAreIgnored) {
  auto data = plain("A", "");
  data.cause = 7;
  data.context = INT_MIN;
  EXPECT_EQ(traceback({data}), "A\n");
  auto broken = group("g", {INT_MAX, 0, -5});
  EXPECT_NE(traceback({broken}), "");
}

TEST(PythonError, LongChainsArePrinted) {
  std::vector<python_exception_data> chain(100'000, plain("E", ""));
  for (std::size_t i = 0; i + 1 < chain.size(); ++i)
    chain[i].cause = static_cast<int>(i) + 1;
  EXPECT_EQ(traceback(chain).size(), chain.size() * 2 + (chain.size() - 1) * cause_line.size());
}

TEST(PythonError, PrintsNotesLineByLine) {
  auto data = plain("ValueError", "two\nlines\n");
  data.notes = {"one note", "a\n\nb", ""};
  EXPECT_EQ(traceback({data}), "ValueError: two\nlines\n\none note\na\n\nb\n\n");
}

TEST(PythonError, PrintsGroups) {
  auto data = group("g (2 sub-exceptions)", {1, 2});
  data.frames = {in_f};
  data.notes = {"note\nof two lines"};
  auto first = plain("ValueError", "a\nb", {in_g});
  first.notes = {"n"};
  EXPECT_EQ(traceback({data, first, plain("KeyError", "'k'")}),
            "  + Exception Group Traceback (most recent call last):\n"
            "  |   File \"a.py\", line 3, in f\n"
            "  |     g()\n"
            "  | ExceptionGroup: g (2 sub-exceptions)\n"
            "  | note\n"
            "  | of two lines\n"
            "  +-+---------------- 1 ----------------\n"
            "    | Traceback (most recent call last):\n"
            "    |   File \"b.py\", line 7, in g\n"
            "    | ValueError: a\n"
            "    | b\n"
            "    | n\n"
            "    +---------------- 2 ----------------\n"
            "    | KeyError: 'k'\n"
            "    +------------------------------------\n");
}

TEST(PythonError, PrintsNestedGroupsWithTheirCauses) {
  auto outer = group("outer", {1, 3});
  auto inner = group("inner", {2});
  auto with_cause = plain("E3", "");
  with_cause.cause = 4;
  EXPECT_EQ(traceback({outer, inner, plain("E2", ""), with_cause, plain("E4", "")}),
            "  | ExceptionGroup: outer\n"
            "  +-+---------------- 1 ----------------\n"
            "    | ExceptionGroup: inner\n"
            "    +-+---------------- 1 ----------------\n"
            "      | E2\n"
            "      +------------------------------------\n"
            "    +---------------- 2 ----------------\n"
            "    | E4\n"
            "    | \n"
            "    | The above exception was the direct cause of the following exception:\n"
            "    | \n"
            "    | E3\n"
            "    +------------------------------------\n");
}

TEST(PythonError, ClosesNestedGroupsOnce) {
  EXPECT_EQ(traceback({group("outer", {1}), group("inner", {2}), plain("E", "")}),
            "  | ExceptionGroup: outer\n"
            "  +-+---------------- 1 ----------------\n"
            "    | ExceptionGroup: inner\n"
            "    +-+---------------- 1 ----------------\n"
            "      | E\n"
            "      +------------------------------------\n");
}

TEST(PythonError, CountsMembersBeyondFifteen) {
  for (int members : {15, 16, 20}) {
    std::vector<python_exception_data> all{group("g", {})};
    for (int i = 1; i <= members; ++i) {
      all[0].group.push_back(i);
      all.push_back(plain("E" + std::to_string(i), ""));
    }
    auto text = traceback(all);
    EXPECT_NE(text.find("    | E15\n"), std::string::npos);
    EXPECT_EQ(text.find("    | E16\n"), std::string::npos);
    auto more = members == 15   ? ""
                : members == 16 ? "    | and 1 more exception\n"
                                : "    | and 5 more exceptions\n";
    EXPECT_NE(text.find(std::string{more} + "    +------------------------------------\n"), std::string::npos)
        << text;
    EXPECT_EQ(text.find("---------------- ... ----------------") != std::string::npos, members > 15);
  }
}

TEST(PythonError, DeepGroupsEndAtTheTenthLevel) {
  std::vector<python_exception_data> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(group("level " + std::to_string(i + 1), {i + 1}));
  all.push_back(plain("E", ""));
  auto text = traceback(all);
  EXPECT_NE(text.find("level 10\n"), std::string::npos);
  EXPECT_EQ(text.find("level 11\n"), std::string::npos);
  EXPECT_NE(text.find("| ... (max_group_depth is 10)\n"), std::string::npos) << text;
}

TEST(PythonError, SharedMembersArePrintedEachTime) {
  EXPECT_EQ(traceback({group("g", {1, 1}), plain("E", "")}), "  | ExceptionGroup: g\n"
                                                             "  +-+---------------- 1 ----------------\n"
                                                             "    | E\n"
                                                             "    +---------------- 2 ----------------\n"
                                                             "    | E\n"
                                                             "    +------------------------------------\n");
}

TEST(PythonError, GroupsThatHoldThemselvesEnd) {
  EXPECT_LT(traceback({group("g", {0, 0, 0})}).size(), 1000u);
  // Each of 30 groups names the next one 15 times: as a tree these would be 15^30 exceptions.
  std::vector<python_exception_data> all;
  for (int i = 0; i < 30; ++i)
    all.push_back(group("g", std::vector<int>(15, i + 1)));
  all.push_back(plain("E", ""));
  EXPECT_LT(traceback(all).size(), 1'000'000u);
}

TEST(PythonError, NamesExceptionsLeftOut) {
  auto error = error_of({plain("E", "")});
  error.left_out = 1;
  EXPECT_EQ(error.traceback(), "E\n(1 further exception left out)\n");
  error.left_out = 20;
  EXPECT_EQ(error.traceback(), "E\n(20 further exceptions left out)\n");
}

class SyntaxErrors : public ::testing::Test {
protected:
  /// What is printed between the file's line and the message.
  static std::string marked(std::string text, int column, int end_column) {
    auto data = plain("SyntaxError", "m");
    data.syntax = {"f.py", 2, column, end_column, std::move(text)};
    auto printed = traceback({data});
    std::string head = "  File \"f.py\", line 2\n";
    std::string tail = "SyntaxError: m\n";
    EXPECT_TRUE(printed.starts_with(head) && printed.ends_with(tail)) << printed;
    return printed.substr(head.size(), printed.size() - head.size() - tail.size());
  }
};

TEST_F(SyntaxErrors, CaretsStandBelowTheMistake) {
  EXPECT_EQ(marked("x = 1 +\n", 5, 8), "    x = 1 +\n        ^^^\n");
  EXPECT_EQ(marked("x = 1 +\n", 1, 2), "    x = 1 +\n    ^\n");
}

TEST_F(SyntaxErrors, IndentationIsTakenOff) {
  EXPECT_EQ(marked("    return 1\n", 5, 13), "    return 1\n    ^^^^^^^^\n");
}

TEST_F(SyntaxErrors, TabsInFrontStayTabs) {
  EXPECT_EQ(marked("\tx y", 4, 5), "    \tx y\n    \t  ^\n");
}

TEST_F(SyntaxErrors, WithoutColumnThereIsNoCaret) {
  EXPECT_EQ(marked("x y\n", 0, 0), "    x y\n");
  EXPECT_EQ(marked("x y\n", -1, 5), "    x y\n");
  EXPECT_EQ(marked("   x y\n", 1, 2), "    x y\n"); // inside of the indentation
  EXPECT_EQ(marked("", 1, 2), "");
}

TEST_F(SyntaxErrors, WithoutEndThereIsOneCaret) {
  EXPECT_EQ(marked("x y\n", 3, 0), "    x y\n      ^\n");
  EXPECT_EQ(marked("x y\n", 3, 3), "    x y\n      ^\n");
  EXPECT_EQ(marked("x y\n", 3, 1), "    x y\n      ^\n");
  EXPECT_EQ(marked("x y\n", 3, -7), "    x y\n      ^\n");
}

TEST_F(SyntaxErrors, CaretsCountCharactersNotBytes) {
  EXPECT_EQ(marked("äöü €\n", 5, 6), "    äöü €\n        ^\n");
  EXPECT_EQ(marked("äöü €\n", 1, 4), "    äöü €\n    ^^^\n");
}

TEST_F(SyntaxErrors, ColumnsBeyondTheLineStayBesideIt) {
  EXPECT_EQ(marked("x y\n", 1, INT_MAX), "    x y\n    ^^^\n");
  EXPECT_EQ(marked("x y\n", INT_MAX, INT_MAX), "    x y\n       ^\n");
  EXPECT_EQ(marked("x y\n", INT_MAX, INT_MIN), "    x y\n       ^\n");
}

TEST_F(SyntaxErrors, PlaceIsPrintedAsFarAsItIsKnown) {
  auto data = plain("SyntaxError", "m");
  data.syntax.emplace();
  EXPECT_EQ(traceback({data}), "SyntaxError: m\n");
  data.syntax->file = "f.py";
  EXPECT_EQ(traceback({data}), "SyntaxError: m (f.py)\n");
  data.syntax->line = 0;
  EXPECT_EQ(traceback({data}), "  File \"f.py\", line 0\nSyntaxError: m\n");
  data.syntax->file = "";
  data.syntax->line = 3;
  EXPECT_EQ(traceback({data}), "  File \"<string>\", line 3\nSyntaxError: m\n");
}

TEST_F(SyntaxErrors, StandInGroupsToo) {
  auto data = plain("SyntaxError", "m");
  data.syntax = {"f.py", 2, 3, 4, "x y\n"};
  EXPECT_EQ(traceback({group("g", {1}), data}), "  | ExceptionGroup: g\n"
                                                "  +-+---------------- 1 ----------------\n"
                                                "    |   File \"f.py\", line 2\n"
                                                "    |     x y\n"
                                                "    |       ^\n"
                                                "    | SyntaxError: m\n"
                                                "    +------------------------------------\n");
}

} // namespace
