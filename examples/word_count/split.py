"""Second stage: count the words of each source where it lies."""

import re

word = re.compile(rb"[A-Za-z_]+")
for view in sources:
    found = {}
    for match in word.finditer(view):  # a regular expression reads a memoryview without copying it
        text = match.group()
        found[text] = found.get(text, 0) + 1
    counts.send(b" ".join(b"%s %d" % one for one in found.items()))
