#include "interp_actors/base/python_error.hpp"

#include <algorithm>
#include <ostream>
#include <string_view>

namespace interp_actors {

namespace {

/// Characters of a UTF-8 text: bytes that continue a sequence are none.
std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Prints one python_error in the layout of CPython's `traceback` module.
/// Source: CPython 3.14, Lib/traceback.py, TracebackException: which of several references to one exception
/// shows it, and how groups are framed.
class printer {
public:
  explicit printer(const python_error& error) : all_{error.exceptions} {}

  std::string print() {
    if (!all_.empty()) {
      grow();
      print_chain(0);
    }
    return std::move(out_);
  }

private:
  static constexpr std::size_t max_group_width = 15;
  static constexpr int max_group_depth = 10;
  static constexpr std::size_t max_repeated = 3;

  /// An exception at one place of the printed tree. References to what has been seen lead nowhere, so there
  /// are no circles.
  struct node {
    int index;
    int cause = -1;
    int context = -1;
    std::vector<int> members;
  };

  bool exists(int index) const { return index >= 0 && static_cast<std::size_t>(index) < all_.size(); }

  const python_exception_data& at(int index) const { return all_[static_cast<std::size_t>(index)]; }

  /// Makes the tree. The order is Python's, last in first out: it decides who shows what several refer to.
  /// Members of groups are shown each time; but a group that comes again is not taken apart again, or the
  /// tree could grow without bounds.
  void grow() {
    std::vector<bool> seen(all_.size(), false);
    std::vector<bool> taken_apart(all_.size(), false);
    std::vector<std::size_t> waiting;
    auto add = [&](int index) {
      seen[static_cast<std::size_t>(index)] = true;
      nodes_.push_back({index});
      waiting.push_back(nodes_.size() - 1);
      return static_cast<int>(nodes_.size() - 1);
    };
    add(0);
    while (!waiting.empty()) {
      auto self = waiting.back();
      waiting.pop_back();
      auto index = nodes_[self].index;
      auto& data = at(index);
      auto add_unseen = [&](int next) {
        return exists(next) && !seen[static_cast<std::size_t>(next)] ? add(next) : -1;
      };
      auto cause = add_unseen(data.cause);
      auto context = cause < 0 && !data.suppress_context ? add_unseen(data.context) : -1;
      std::vector<int> members;
      if (data.is_group && !taken_apart[static_cast<std::size_t>(index)]) {
        taken_apart[static_cast<std::size_t>(index)] = true;
        for (auto member : data.group)
          members.push_back(exists(member) ? add(member) : -1);
      }
      nodes_[self] = {index, cause, context, std::move(members)};
    }
  }

  void margin() {
    out_.append(static_cast<std::size_t>(2 * depth_), ' ');
    if (depth_ > 0)
      out_ += "| ";
  }

  void line(std::string_view text) {
    margin();
    out_ += text;
    out_ += '\n';
  }

  void lines(std::string_view text) {
    for (;;) {
      auto end = text.find('\n');
      line(text.substr(0, end));
      if (end == std::string_view::npos)
        return;
      text.remove_prefix(end + 1);
    }
  }

  /// Prints the exception at `place` and what led to it, oldest first; the chain is walked in a loop, however
  /// long it is.
  void print_chain(int place) {
    struct link {
      const node* from;
      std::string_view because;
    };
    std::vector<link> chain;
    std::string_view because;
    while (place >= 0) {
      auto& self = nodes_[static_cast<std::size_t>(place)];
      chain.push_back({&self, because});
      because = self.cause >= 0 ? "The above exception was the direct cause of the following exception:"
                                : "During handling of the above exception, another exception occurred:";
      place = self.cause >= 0 ? self.cause : self.context;
    }
    for (auto i = chain.size(); i-- > 0;) {
      print_one(*chain[i].from);
      if (i > 0) {
        line("");
        line(chain[i].because);
        line("");
      }
    }
  }

  void print_one(const node& self) {
    auto& data = at(self.index);
    if (data.is_group && depth_ > max_group_depth) {
      line("... (max_group_depth is " + std::to_string(max_group_depth) + ")");
      return;
    }
    bool opens = data.is_group && depth_ == 0;
    if (opens)
      depth_ = 1;
    if (!data.frames.empty()) {
      if (opens)
        out_ += "  + Exception Group Traceback (most recent call last):\n";
      else
        line(data.is_group ? "Exception Group Traceback (most recent call last):"
                           : "Traceback (most recent call last):");
      print_frames(data);
    }
    print_last_lines(data);
    if (data.is_group)
      print_members(data, self);
    if (opens)
      depth_ = 0;
  }

  void print_frames(const python_exception_data& data) {
    const python_frame* last = nullptr;
    std::size_t repeated = 0;
    auto flush = [&] {
      if (repeated > max_repeated)
        line("  [Previous line repeated " + std::to_string(repeated - max_repeated) + " more time"
             + (repeated - max_repeated == 1 ? "]" : "s]"));
    };
    for (std::size_t i = 0; i < data.frames.size(); ++i) {
      if (data.frames_left_out > 0 && i == data.left_out_at) {
        flush();
        repeated = 0;
        last = nullptr;
        line("  [" + std::to_string(data.frames_left_out) + " frames left out]");
      }
      auto& frame = data.frames[i];
      if (!last || frame.file != last->file || frame.line != last->line || frame.function != last->function) {
        flush();
        repeated = 0;
        last = &frame;
      }
      auto shown = std::min(repeated, max_repeated);
      repeated += frame.times;
      for (; shown < std::min(repeated, max_repeated); ++shown) {
        lines("  File \"" + frame.file + "\", line " + (frame.line > 0 ? std::to_string(frame.line) : "?")
              + ", in " + frame.function);
        if (!frame.source_line.empty())
          line("    " + frame.source_line);
      }
    }
    flush();
  }

  void print_last_lines(const python_exception_data& data) {
    std::string place;
    if (data.syntax) {
      auto& where = *data.syntax;
      if (where.line >= 0)
        lines("  File \"" + (where.file.empty() ? "<string>" : where.file) + "\", line "
              + std::to_string(where.line));
      else if (!where.file.empty())
        place = " (" + where.file + ")";
      print_syntax_text(where);
    }
    lines((data.message.empty() ? data.type : data.type + ": " + data.message) + place);
    for (auto& note : data.notes)
      lines(note);
  }

  void print_syntax_text(const python_syntax_location& where) {
    std::string_view text{where.text};
    auto trimmed = text.substr(0, text.find_last_not_of('\n') + 1);
    auto indentation = std::min(trimmed.find_first_not_of(" \n\f"), trimmed.size());
    auto shown = trimmed.substr(indentation);
    if (shown.empty())
      return;
    lines("    " + std::string{shown});
    // Columns may be anything that the code put there: they are kept within the line.
    auto behind = static_cast<std::ptrdiff_t>(count_characters(trimmed)) + 1;
    auto fitting = [&](std::ptrdiff_t column) {
      return column > static_cast<std::ptrdiff_t>(count_characters(text)) ? behind : column;
    };
    auto begin = fitting(where.column);
    auto end = fitting(where.end_column != 0 ? where.end_column : where.column);
    if (begin >= end)
      end = begin + 1;
    auto offset = begin - 1 - static_cast<std::ptrdiff_t>(indentation);
    if (where.column < 1 || offset < 0)
      return;
    std::string carets = "    ";
    for (char c : shown) {
      if ((c & 0xC0) == 0x80)
        continue;
      if (offset-- == 0)
        break;
      carets += c == '\t' || c == '\f' || c == '\v' || c == '\r' ? c : ' ';
    }
    line(carets.append(static_cast<std::size_t>(end - begin), '^'));
  }

  void print_members(const python_exception_data& data, const node& self) {
    auto shown = std::min(self.members.size(), max_group_width);
    auto more = data.group.size() - shown;
    auto count = shown + (shown > 0 && more > 0 ? 1 : 0);
    needs_close_ = false;
    for (std::size_t i = 0; i < count; ++i) {
      bool is_last = i + 1 == count;
      needs_close_ = needs_close_ || is_last;
      out_.append(static_cast<std::size_t>(2 * depth_), ' ');
      out_ += (i == 0 ? "+-" : "  ") + std::string{"+---------------- "}
              + (i < shown ? std::to_string(i + 1) : "...") + " ----------------\n";
      ++depth_;
      if (i < shown)
        print_chain(self.members[i]);
      else
        line("and " + std::to_string(more) + " more exception" + (more == 1 ? "" : "s"));
      if (is_last && needs_close_) {
        out_.append(static_cast<std::size_t>(2 * depth_), ' ');
        out_ += "+------------------------------------\n";
        needs_close_ = false; // what is around it ends with it
      }
      --depth_;
    }
  }

  const std::vector<python_exception_data>& all_;
  std::vector<node> nodes_;
  std::string out_;
  int depth_ = 0;
  bool needs_close_ = false;
};

} // namespace

std::string python_error::summary() const {
  if (exceptions.empty())
    return {};
  auto& first = exceptions.front();
  return first.message.empty() ? first.type : first.type + ": " + first.message;
}

std::string python_error::traceback() const {
  auto text = printer{*this}.print();
  if (left_out > 0)
    text +=
        "(" + std::to_string(left_out) + " further exception" + (left_out == 1 ? "" : "s") + " left out)\n";
  return text;
}

std::ostream& operator<<(std::ostream& out, const python_error& error) {
  return out << error.traceback();
}

std::string to_string(const python_error& error) {
  return error.summary();
}

python_exception::python_exception(python_error error)
    : std::runtime_error{error.traceback()}, error_{std::move(error)} {}

} // namespace interp_actors
