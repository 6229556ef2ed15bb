#include "map_command.hpp"

#include <memory>

#include "map.hpp"
#include "work_arguments.hpp"

namespace ia_program {

namespace {

constexpr const char* footer =
    R"(The function is `run`, or NAME where FUNCTION.py:NAME is given. What it takes says how it is called:

  def run(path): ...           # the name of each file
  def run(path, data): ...     # and its bytes, as a read-only memoryview of the mapped file
  def run(line): ...           # each line of the files, or of stdin, without its end

What it returns goes to stdout as JSON, one line for each item, in the order of the items: {"item": ..., "result": ...}, or {"item": ..., "error": ..., "kind": ...,
"traceback": ...} where it failed. Numbers that JSON has no word for become null. What the function prints goes to stderr. Each interpreter loads the Python file
once, with its folder first on sys.path.

With --nodes, the Python file travels to the nodes, and with it all .py files that it could import from its folder; nothing else does: files are there
only with `def run(path, data)`.

Examples:
  interp-actors map count.py texts/*.txt > counts.jsonl
  interp-actors map parse.py:parse_line --lines server.log
  cut -f2 table.tsv | interp-actors map check.py --timeout 5s --retry 2
  interp-actors map thumbnail.py photos/*.jpg --nodes nodes.txt

)";

} // namespace

void add_map(CLI::App& program, int& exit_code) {
  auto how = std::make_shared<map_options>();
  auto* command = program.add_subcommand("map", "Call a Python function for many files or lines");
  command->footer(footer + exit_code_help("item"));
  command
      ->add_option("FUNCTION.py", how->function, "Python file with the function, as FILE.py or FILE.py:NAME")
      ->required();
  command->add_option("FILES", how->files,
                      "Files to map; - is stdin with --lines. Without any, the lines of stdin are mapped");
  command->add_flag("--lines", how->lines, "Map the lines of the files, not the files");
  add_work_arguments(*command, how->work, "item");
  command->callback([how, &exit_code] {
    exit_code = how->work.read_nodes("map");
    if (exit_code == 0)
      exit_code = run_map(*how);
  });
}

} // namespace ia_program
