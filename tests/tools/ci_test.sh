#!/usr/bin/env bash
# Tests .ci/run's format check in a repository of its own, with a stand-in for tools/env. Exit code 1 when a case fails.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/.ci" "$work/tools"
cp "$checkout/.ci/run" "$work/.ci/run"
cat >"$work/tools/env" <<'FAKE'
#!/usr/bin/env bash
# As clang-format says it, of files with two spaces in a row.
[ "$1" = clang-format ] || { echo "in the toolchain: $*"; exit 0; }
code=0
for file in "$@"; do
  [ -e "$file" ] && grep -q '  ' "$file" || continue
  printf '%s:1:4: error: code should be clang-formatted [-Wclang-format-violations]\nint  x;\n   ^\n' "$file" >&2
  code=1
done
exit "$code"
FAKE
cat >"$work/tools/test" <<<'#!/usr/bin/env bash
echo "tested $*"'
chmod +x "$work/tools/env" "$work/tools/test"
cd "$work"
git init -q
echo 'int x;' | tee good.cpp good.hpp last.hpp >bad.cpp
git add .

failed=0
# expect CODE TEXT: .ci/run ends with CODE, and prints TEXT in a line of its own.
expect() {
  local code=0 output
  output=$(.ci/run 2>&1) || code=$?
  if [ "$code" != "$1" ] || ! grep -qxF -- "$2" <<<"$output"; then
    printf 'FAILED: wanted %s and "%s", got %s and\n%s\n' "$1" "$2" "$code" "$output"
    failed=1
  fi
}
expect 0 "in the toolchain: python3 tools/check_layers.py"
expect 0 "tested --python 3.14"
expect 0 "tested --python 3.15"
echo 'int  x;' >bad.cpp
expect 1 "  bad.cpp"
expect 1 "To mend it: tools/env clang-format -i FILE..."
! grep -qxF "  good.cpp" <<<"$(.ci/run 2>&1)" || { echo "FAILED: a good file is named"; failed=1; }
exit "$failed"
