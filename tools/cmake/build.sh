# shellcheck shell=bash
# Sourced by tools/demo, tools/test and tools/bench; not run by itself.
#
# build_release PYTHON_VERSION TARGET...: builds the targets with the release preset for that CPython, inside of tools/env, and
# sets BUILD_DIR to their folder: build/release for 3.14, else build/release-VERSION. Says in one line what it does, and
# shows the compiler's output only where it fails; the whole of it is in $BUILD_DIR/build.log. Ends the script then.
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

build_release() {
  local version=$1 root env python launcher="" log lock
  shift
  root=$(CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
  env=$root/tools/env
  BUILD_DIR=$root/build/release
  [ "$version" = 3.14 ] || BUILD_DIR=$root/build/release-$version
  log=$BUILD_DIR/build.log

  # The first call may make the toolchain: what it says is for the screen.
  # shellcheck disable=SC2016 # expanded inside of the toolchain
  python=$("$env" bash -c 'for name in "python$1" python3; do
    "$name" -c "import sys; sys.exit(\"%d.%d\" % sys.version_info[:2] != sys.argv[1])" "$1" 2>/dev/null || continue
    command -v "$name"
    exit
  done; true' bash "$version") || build_fail "the toolchain could not be made ready; see above"
  [ -n "$python" ] || build_fail "there is no CPython $version here; it may have another: --python 3.15" \
    "or let tools/env make a toolchain that has it: INTERP_ACTORS_TOOLCHAIN=rootfs $0"

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
  if ! grep -qsxF "Python_EXECUTABLE:UNINITIALIZED=$python" "$BUILD_DIR/CMakeCache.txt" \
      || ! grep -qsxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$BUILD_DIR/CMakeCache.txt" || [ ! -e "$BUILD_DIR/build.ninja" ]; then
    "$env" bash -c 'command -v ccache' >/dev/null || launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=
    (cd "$root" && "$env" cmake --fresh --preset release -B "$BUILD_DIR" -DPython_EXECUTABLE="$python" ${launcher:+"$launcher"}) \
      >>"$log" 2>&1 || { tail -n 40 "$log" >&2; build_fail "CMake could not configure the build (whole log: $log)"; }
  fi
  if ! (set -o pipefail; "$env" cmake --build "$BUILD_DIR" ${1:+--target "$@"} 2>&1 | build_follow "$log"); then
    tail -n 40 "$log" >&2
    build_fail "the build failed (whole log: $log)"
  fi
  exec {lock}>&-
}
