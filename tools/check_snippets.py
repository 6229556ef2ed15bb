"""Check that README.md shows the marked regions of the examples, and what they print, as they are.

Usage: tools/check_snippets.py [EXAMPLE=PROGRAM...]

A region begins with a line that ends in `[NAME]` and ends with one that ends in `[/NAME]`, in comments of the example. In README, a
line `<!-- cut from PATH -->` stands before the code block that shows it. A line `<!-- printed by EXAMPLE -->` stands before a block of
output; where a program is given for it, it is run in the folder of the example.
"""

import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parent.parent


def region(path: pathlib.Path) -> str:
    """Return the region of `path` that is named after the file."""
    name = re.escape(path.name)
    found = re.search(rf"^\S+ \[{name}\]\n(.*?)^\S+ \[/{name}\]$", path.read_text(), re.DOTALL | re.MULTILINE)
    if not found:
        sys.exit(f"{path.relative_to(root)}: no region [{path.name}]")
    return found.group(1)


def block_after(comment: str) -> list[tuple[str, str]]:
    """Return what the comments name, and the code blocks below them."""
    found = re.findall(rf"^<!-- {comment} (\S+) -->\n```\w*\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    if len(found) != readme.count(f"<!-- {comment} ") or not found:
        sys.exit(f"README.md: a line <!-- {comment} ... --> without a code block below it, or none at all")
    return found


readme = (root / "README.md").read_text()
cuts = block_after("cut from")
for path, shown in cuts:
    if region(root / path) != shown:
        sys.exit(f"README.md: the block cut from {path} differs from it; copy the region again")
print(f"README.md shows {len(cuts)} regions of the examples as they are")

outputs = dict(block_after("printed by"))
for argument in sys.argv[1:]:
    example, _, program = argument.partition("=")
    if example not in outputs:
        sys.exit(f"README.md: no block is printed by {example}")
    printed = subprocess.run([program], cwd=root / example, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
    if printed != outputs[example]:
        sys.exit(f"README.md: the block printed by {example} differs from what it prints:\n{printed}")
    print(f"README.md shows what {example} prints")
