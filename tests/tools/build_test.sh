#!/usr/bin/env bash
# Tests tools/demo, tools/test, tools/bench and tools/cmake/build.sh against a stand-in for tools/env: when they configure, for
# which CPython, and what they hand on. Nothing is built. One line per case; exit code 1 when a case fails.
# shellcheck disable=SC2317 # cases are called by name
set -euo pipefail
[ -n "${BUILD_TEST_BOUNDED:-}" ] || BUILD_TEST_BOUNDED=1 exec timeout --kill-after=5 60 "$BASH" "${BASH_SOURCE[0]}"

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
work=$(cd "$(mktemp -d)" && pwd -P)
trap 'rm -rf "$work"' EXIT

# ---- the stand-ins: tools/env notes the commands in $FAKE/calls, and "version of NAME" says which CPythons are there
begin() {
  unset CAF_ROOT CXX INTERP_ACTORS_TOOLCHAIN
  export FAKE=$work/$1 PATH=$work/$1/bin:$PATH
  tree=$FAKE/tree
  mkdir -p "$tree/tools/cmake" "$FAKE/bin"
  cp "$checkout/CMakeLists.txt" "$tree"
  cp "$checkout"/tools/{demo,test,bench} "$tree/tools"
  cp "$checkout/tools/cmake/build.sh" "$tree/tools/cmake"
  cat >"$tree/tools/env" <<'FAKE'
#!/usr/bin/env bash
INTERP_ACTORS_ENVIRONMENT=$(cat "$FAKE/toolchain")
export INTERP_ACTORS_ENVIRONMENT
case "$1 $2" in
  "bash -c") exec "$@" ;;
  "cmake --fresh") for word in "$@"; do [ "${last:-}" != -B ] || folder=$word; last=$word; done
    [ ! -e "$FAKE/cannot_configure" ] || exit 1
    touch "$folder/build.ninja"
    echo configure >>"$FAKE/calls" ;;
  "cmake --build") [[ $* != *" clean" ]] || echo clean >>"$FAKE/calls" ;;
esac
printf '[%s]' "$@" >"$FAKE/last"
FAKE
  # It answers what build_find_python asks: -c CODE WANTED MINIMUM.
  cat >"$FAKE/bin/python3" <<'FAKE'
#!/usr/bin/env bash
version=$(cat "$FAKE/version of ${0##*/}" 2>/dev/null) || exit 127
wanted=$3 minimum=$4
if [ -n "$wanted" ]; then [ "$wanted" = "$version" ] || exit 1; else [ "${version#3.}" -ge "${minimum#3.}" ] || exit 1; fi
echo "$version"
FAKE
  cp "$FAKE/bin/python3" "$FAKE/bin/python3.14"
  cp "$FAKE/bin/python3" "$FAKE/bin/python3.15"
  chmod +x "$tree/tools/env" "$FAKE"/bin/*
  echo host >"$FAKE/toolchain"
  there python3.14 3.14
  : >"$FAKE/calls"
}
there() { echo "$2" >"$FAKE/version of $1"; }
missing() { rm -f "$FAKE/version of $1"; }
# run TOOL ARGUMENTS...: leaves $code, $errors, and the last command in $last.
run() {
  local tool=$1
  shift
  code=0
  (cd "$FAKE" && "$tree/tools/$tool" "$@") >/dev/null 2>"$FAKE/errors" || code=$?
  errors=$(cat "$FAKE/errors") last=$(cat "$FAKE/last" 2>/dev/null || true)
}
configured() { [ "$(grep -c configure "$FAKE/calls")" = "$1" ]; }
hands_on() { [[ $code = 0 && $last = *"$1" ]]; }

# ---- cases
case_the_second_build_configures_nothing() {
  run test
  run test
  [ "$code" = 0 ]
  configured 1
}
case_another_caf_configures_anew() {
  run test
  CAF_ROOT=/one run test
  configured 2
  CAF_ROOT=/one run test
  configured 2
  run test
  configured 3
}
case_another_toolchain_configures_anew_and_compiles_all() {
  local toolchain
  for toolchain in host rootfs-1 rootfs-2 host; do
    echo "$toolchain" >"$FAKE/toolchain"
    : >"$FAKE/calls"
    run test
    configured 1
    [ "$(tail -n 1 "$FAKE/calls")" = clean ]
    run test
    configured 1
  done
}
case_another_compiler_configures_anew() {
  run test
  CXX=clang++ run test
  configured 2
}
case_a_moved_python_configures_anew() {
  run test
  missing python3.14
  there python3 3.14
  run test
  configured 2
}
case_a_moved_checkout_configures_anew() {
  run test
  mv "$tree" "$FAKE/moved"
  tree=$FAKE/moved
  run test
  configured 2
}
case_a_failed_configuration_is_not_taken_for_done() {
  run test
  touch "$FAKE/cannot_configure"
  CAF_ROOT=/one run test
  [ "$code" = 1 ]
  rm "$FAKE/cannot_configure"
  run test
  configured 2
}
case_3_14_is_the_default() {
  there python3 3.16
  there python3.15 3.15
  run test
  hands_on "[$(nproc)]"
  [[ $last = *"[$tree/build/release]"* ]]
}
case_the_python3_of_a_host_without_3_14_is_taken() {
  missing python3.14
  there python3 3.15
  local tool
  for tool in test demo bench; do
    run "$tool"
    [ "$code" = 0 ]
    [[ $last = *"$tree/build/release-3.15"* ]]
  done
}
case_a_python3_too_old_is_not_taken() {
  missing python3.14
  there python3 3.13
  run test
  [ "$code" = 1 ]
  [[ $errors = *"no CPython 3.14 or newer"* ]]
  there python3.15 3.15
  run test
  [ "$code" = 0 ]
}
case_a_version_that_is_asked_for_and_missing_is_named() {
  run test --python 3.15
  [ "$code" = 1 ]
  [[ $errors = *"no CPython 3.15"* ]]
}
case_the_demo_takes_the_number_of_workers_in_each_form() {
  local form
  for form in "-w 4" "-w4" "--workers 4" "--workers=4"; do
    # shellcheck disable=SC2086 # two words
    run demo $form one.py
    hands_on "[--chaos][--workers=4][$FAKE/one.py]"
  done
  run demo -w
  [ "$code" = 64 ]
}
case_the_demo_hands_options_on() {
  run demo --no-chaos --long-help -- -w 4
  hands_on "/index_sources][--long-help][$FAKE/-w][$FAKE/4]"
}
case_the_tests_take_options_of_ctest() {
  run test -R Ladder --python=3.14 --repeat until-fail:3
  hands_on "[-R][Ladder][--repeat][until-fail:3]"
}
case_the_bench_hands_options_on() {
  run bench --json 'a file' --check
  hands_on "/interp-actors-bench][--json][a file][--check]"
}

failed=0
mapfile -t cases < <(compgen -A function case_)
[ ${#cases[@]} -gt 0 ] || { echo "there are no cases"; exit 1; }
for name in "${cases[@]}"; do
  set +e
  (set -e; begin "$name"; set -x; "$name") >"$work/trace" 2>&1
  code=$?
  set -e
  title=${name#case_} title=${title//_/ }
  if [ "$code" = 0 ]; then
    echo "ok      $title"
  else
    echo "FAILED  $title"
    tail -n 12 "$work/trace" | sed 's/^/        /'
    failed=1
  fi
done
exit "$failed"
