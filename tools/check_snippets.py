"""Check that README.md shows the marked regions of the examples as they are.

A region begins with a line that ends in `[NAME]` and ends with one that ends in `[/NAME]`, in comments of the example. In README, a
line `<!-- cut from PATH -->` stands before the code block that shows it.
"""

import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parent.parent


def region(path: pathlib.Path) -> str:
    """Return the region of `path` that is named after the file."""
    name = re.escape(path.name)
    found = re.search(rf"^\S+ \[{name}\]\n(.*?)^\S+ \[/{name}\]$", path.read_text(), re.DOTALL | re.MULTILINE)
    if not found:
        sys.exit(f"{path.relative_to(root)}: no region [{path.name}]")
    return found.group(1)


readme = (root / "README.md").read_text()
cuts = re.findall(r"^<!-- cut from (\S+) -->\n```\w*\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
if not cuts:
    sys.exit("README.md: no code block is cut from an example")
for path, shown in cuts:
    if region(root / path) != shown:
        sys.exit(f"README.md: the block cut from {path} differs from it; copy the region again")
print(f"README.md shows {len(cuts)} regions of the examples as they are")
