# shellcheck shell=bash
# Sourced by tools/demo, tools/test and tools/bench; not run by itself.
#
# build_release PYTHON_VERSION TARGET...: builds the targets with the release preset for that CPython, inside of tools/env, and
# sets BUILD_DIR to their folder: build/release for 3.14, else build/release-VERSION. An empty version means 3.14, or else the
# python3 that is there, if it is new enough. Says in one line what it does, and shows the compiler's output only where it fails;
# the whole of it is in $BUILD_DIR/build.log. Ends the script then.
# The file build.key in that folder says what it was configured for: where that changed, it is configured anew.
# CMAKE_BUILD_PARALLEL_LEVEL limits how many compilers run at once.

build_fail() {
  printf "tools/${0##*/}: %s\n" "$@" >&2
  exit 1
}

# Copies the lines of its input to the file $1; on a terminal, the counter of the build is shown meanwhile.
build_follow() {
  local line last="" shown=""
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line" >>"$1"
    if [ -t 2 ] && [[ $line =~ ^\[[0-9]+/[0-9]+\] ]] && [ "$last" != "${BASH_REMATCH[0]}" ]; then
      last=${BASH_REMATCH[0]} shown=yes
      printf '\r  %s ' "$last" >&2
    fi
  done
  [ -z "$shown" ] || printf '\r\033[K' >&2
}

# Prints the version, path and toolchain of the first CPython with development files that is VERSION, or, where that is empty, at
# least MINIMUM: build_find_python VERSION MINIMUM, inside of tools/env.
build_find_python() {
  local name version
  for name in ${1:+"python$1"} python3.14 python3 python3.15; do
    version=$("$name" -c 'import os, sys, sysconfig
wanted, minimum = sys.argv[1:]
version = "%d.%d" % sys.version_info[:2]
suits = version == wanted if wanted else sys.version_info >= tuple(map(int, minimum.split(".")))
if not suits or not os.path.exists(sysconfig.get_path("include") + "/Python.h"):
    sys.exit(1)
print(version)' "$1" "$2" 2>/dev/null) || continue
    printf '%s\n' "$version" "$(command -v "$name")" "$INTERP_ACTORS_ENVIRONMENT"
    return
  done
}

build_release() {
  local version=$1 root env found minimum python toolchain key log lock
  shift
  root=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
  env=$root/tools/env
  minimum=$(sed -nE 's/^set\(INTERP_ACTORS_PYTHON_MINIMUM ([0-9.]+)\)$/\1/p' "$root/CMakeLists.txt")

  # The first call may make the toolchain: what it says is for the screen.
  found=$("$env" bash -c "$(declare -f build_find_python)"'; build_find_python "$@"' bash "$version" "$minimum") \
    || build_fail "the toolchain could not be made ready; see above"
  [ -n "$found" ] || build_fail "there is no CPython ${version:-$minimum or newer} here; it may have another: --python 3.15" \
    "or let tools/env make a toolchain that has it: INTERP_ACTORS_TOOLCHAIN=rootfs $0"
  { read -r version && read -r python && read -r toolchain; } <<<"$found"
  BUILD_DIR=$root/build/release
  [ "$version" = 3.14 ] || BUILD_DIR=$root/build/release-$version
  log=$BUILD_DIR/build.log
  key=$(printf '%s=%s\n' checkout "$root" python "$python" toolchain "$toolchain" CAF_ROOT "${CAF_ROOT:-}" CXX "${CXX:-}")

  mkdir -p "$BUILD_DIR"
  # One build in a folder at a time: the next one waits, and finds the work done.
  exec {lock}>>"$BUILD_DIR/build.lock"
  flock "$lock"
  if [ -e "$BUILD_DIR/build.ninja" ]; then
    echo "Building (release, CPython $version) in ${BUILD_DIR#"$root/"} ..." >&2
  else
    echo "Building (release, CPython $version) in ${BUILD_DIR#"$root/"}; the first time takes a few minutes ..." >&2
  fi
  : >"$log"
  if [ ! -e "$BUILD_DIR/build.ninja" ] || [ "$(cat "$BUILD_DIR/build.key" 2>/dev/null)" != "$key" ]; then
    rm -f "$BUILD_DIR/build.key"
    # What another toolchain compiled goes, too: its headers have the same paths, and may be older.
    (cd "$root" && "$env" cmake --fresh --preset release -B "$BUILD_DIR" -DPython_EXECUTABLE="$python" -DINTERP_ACTORS_REQUIRE_ALL=ON \
      && "$env" cmake --build "$BUILD_DIR" --target clean) \
      >>"$log" 2>&1 || { tail -n 40 "$log" >&2; build_fail "CMake could not configure the build (whole log: $log)"; }
    printf '%s\n' "$key" >"$BUILD_DIR/build.key"
  fi
  if ! (set -o pipefail; "$env" cmake --build "$BUILD_DIR" ${1:+--target "$@"} 2>&1 | build_follow "$log"); then
    tail -n 40 "$log" >&2
    build_fail "the build failed (whole log: $log)"
  fi
  exec {lock}>&-
}
