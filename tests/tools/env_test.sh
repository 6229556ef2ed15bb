#!/usr/bin/env bash
# Tests tools/env against stand-ins for mmdebstrap, bwrap, unshare, apt-get, sleep, df and id: no network, no root, a few seconds.
# One line per case; exit code 1 when a case fails. Runs on the host and inside the toolchain.
# shellcheck disable=SC2016,SC2317 # cases are called by name, and some hand unexpanded text on
set -euo pipefail
[ -n "${ENV_TEST_BOUNDED:-}" ] || ENV_TEST_BOUNDED=1 exec timeout --kill-after=5 100 "$BASH" "${BASH_SOURCE[0]}"

script=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)/tools/env
work=$(mktemp -d)
beyond=$(mktemp -d /var/tmp/env-test.XXXXXX)
trap 'rm -rf "$work" "$beyond"' EXIT

# ---- the stand-ins, which follow the files in $FAKE, and the few real commands that tools/env may use
mkdir -p "$work/bin" "$work/first/tools" "$work/second/tools" "$beyond/tools"
for name in awk basename bash cat cp cut dirname echo env flock grep ln mkdir mv printf pwd readlink rm sed setpriv sh sha256sum sync tail true; do
  ln -s "$(type -P "$name")" "$work/bin/$name"
done
for folder in "$work/first" "$work/second" "$beyond"; do cp "${script%/tools/env}/CMakeLists.txt" "$folder"; done
cp "$script" "$work/first/tools/env"
cp "$script" "$beyond/tools/env"
sed 's/^  ca-certificates /&another-package /' "$script" >"$work/second/tools/env"
chmod +x "$work/second/tools/env"

fake() { cat >"$work/bin/$1" && chmod +x "$work/bin/$1"; }
fake c++ <<'FAKE'
#!/usr/bin/env bash
code=$(cat)
# With $FAKE/caf_number, the CAF that it finds is of that version.
[ ! -e "$FAKE/caf_number" ] || { [[ $code = *"< MINIMUM"* && $* =~ -DMINIMUM=([0-9]+) ]] && [ "$(cat "$FAKE/caf_number")" -ge "${BASH_REMATCH[1]}" ]; } || exit 1
[ -e "$FAKE/complete" ] && { [ ! -e "$FAKE/lacks" ] || [[ $code != *"<$(cat "$FAKE/lacks")>"* ]]; }
FAKE
for name in cmake ninja; do fake "$name" <<<'#!/usr/bin/env bash
[ -e "$FAKE/complete" ]'; done
for name in python3 python3.14 python3.15; do fake "$name" <<'FAKE'
#!/usr/bin/env bash
# With $FAKE/version, runs what it is asked as a Python of that version with development files.
[ -e "$FAKE/complete" ] || exit 1
[ -e "$FAKE/version" ] || exit 0
exec /usr/bin/python3 -c "import os, sys, sysconfig
sys.version_info = tuple(map(int, open(os.environ['FAKE'] + '/version').read().split('.')))
sysconfig.get_path = lambda name: os.environ['FAKE']
exec(sys.argv.pop(1))" "$2" "${@:3}"
FAKE
done
fake id <<'FAKE'
#!/usr/bin/env bash
if [ "$1" = -u ]; then cat "$FAKE/uid"; else echo tester; fi
FAKE
fake df <<'FAKE'
#!/usr/bin/env bash
printf 'Filesystem 1048576-blocks Used Available Capacity Mounted\nnone 0 0 %s 0%% /\n' "$(cat "$FAKE/free")"
FAKE
fake unshare <<'FAKE'
#!/usr/bin/env bash
[ ! -e "$FAKE/no_namespaces" ] || exit 1
while [[ $1 = -* ]]; do shift; done
exec "$@"
FAKE
fake apt-config <<<'#!/usr/bin/env bash'
fake fails_again <<'FAKE'
#!/usr/bin/env bash
# Whether the stand-in $1 is to fail once more.
left=$(cat "$FAKE/$1_failures" 2>/dev/null) && [ "$left" -gt 0 ] && echo $((left - 1)) >"$FAKE/$1_failures"
FAKE
fake wait_if_told <<'FAKE'
#!/usr/bin/env bash
# Where the case wants it, says that the stand-in $1 runs, and holds it until it is let go.
[ ! -e "$FAKE/$1_waits" ] || { echo >"$FAKE/ready"; read -r -t 20 <>"$FAKE/go"; echo "$1 went on" >>"$FAKE/calls"; }
FAKE
fake sleep <<'FAKE'
#!/usr/bin/env bash
echo "sleep $*" >>"$FAKE/calls"
exec wait_if_told sleep
FAKE
fake apt-get <<'FAKE'
#!/usr/bin/env bash
echo "apt-get $*" >>"$FAKE/calls"
case "$*" in
  indextargets*) cat "$FAKE/targets" ;;
  "update --print-uris") cat "$FAKE/uris" ;;
  update*) exec wait_if_told apt ;; # ends with 0 whatever it fetched, as the real one may
  *install*) ! fails_again apt || { cat "$FAKE/apt_says"; exit 100; }
    [[ $* = *--download-only* ]] || for name in mmdebstrap bwrap; do cp "$WORK/spare/$name" "$WORK/bin/$name"; done ;;
esac
FAKE
fake mmdebstrap <<'FAKE'
#!/usr/bin/env bash
echo "mmdebstrap $*" >>"$FAKE/calls"
cat >"$FAKE/sources"
for target in "$@"; do [[ $target != */partial-* ]] || break; done
[ ! -e "$target" ] || { echo "E: $target is there already"; exit 26; }
mkdir -p "$target"/{usr/{bin,share/cmake},etc/ssl,var/{lib/dpkg,opt}}
ln -s cmake "$target/usr/share/link"
! fails_again mmdebstrap || { echo "E: the reason"; exit 25; }
case $(cat "$FAKE/mmdebstrap") in
  is_stale) case "$*" in *'--aptopt=Acquire::Check-Valid-Until "false"'*) ;; *) echo "E: Release file is not valid any more"; exit 25 ;; esac ;;
  fills_disk) echo "cannot write (No space left on device)"; exit 25 ;;
  waits) echo >"$FAKE/ready"; read -r -t 30 <>"$FAKE/go" ;;
esac
echo complete >"$target/usr/bin/whole"
FAKE
fake bwrap <<'FAKE'
#!/usr/bin/env bash
case "$*" in
  "--ro-bind / /"*" true") [ ! -e "$FAKE/no_proc" ] || [[ $* != *"--proc /proc"* ]]; exit ;;
esac
: >"$FAKE/options"
until [ "$1" = -- ]; do
  case $1 in
    --ro-bind | --ro-bind-try | --bind | --bind-try | --dev-bind | --symlink)
      echo "$1 $2 $3" >>"$FAKE/options"
      [ "$3" != /usr/bin ] || whole=$2/whole
      shift 3 ;;
    --setenv) [ "$2" = PATH ] || export "$2=$3"; shift 3 ;;
    --unsetenv) unset "$2"; shift 2 ;;
    --die-with-parent) shift ;;
    *) echo "$1 $2" >>"$FAKE/options"; shift 2 ;;
  esac
done
echo inside >>"$FAKE/calls"
[ "$(cat "$whole")" = complete ] || exit 99
shift
exec "$@"
FAKE
cp -r "$work/bin" "$work/all"
mkdir "$work/spare" && cp "$work"/bin/{mmdebstrap,bwrap} "$work/spare"

# Each case begins with an empty cache, as root, with a labelled mirror and room on the disk.
begin() {
  export WORK=$work FAKE=$work/state-$1 HOME=$work/home XDG_CACHE_HOME="$work/cache of $1"
  unset CAF_ROOT CXX CCACHE_DIR DEBIAN_FRONTEND INTERP_ACTORS_ENVIRONMENT INTERP_ACTORS_MIRROR INTERP_ACTORS_TOOLCHAIN
  mkdir "$FAKE" && mkfifo "$FAKE/ready" "$FAKE/go" "$FAKE/message"
  exec 5<>"$FAKE/ready" 6<>"$FAKE/go" 7<>"$FAKE/message"
  cp "$work"/spare/* "$work/bin/"
  echo 0 >"$FAKE/uid" && echo 99999 >"$FAKE/free" && echo works >"$FAKE/mmdebstrap"
  echo "Debian http://mirror.invalid/debian/" >"$FAKE/targets"
  : >"$FAKE/uris" && : >"$FAKE/calls" && echo "E: apt says why" >"$FAKE/apt_says"
  cache=$XDG_CACHE_HOME/interp-actors
}

# run COMMAND...: calls tools/env; leaves $code, $output and $errors.
run() {
  code=0
  output=$(PATH=$work/bin "$work/${from:-first}/tools/env" "$@" 2>"$FAKE/errors") || code=$?
  errors=$(cat "$FAKE/errors")
}
# start COMMAND...: calls tools/env beside the test; leaves its process id in $started.
start() {
  # What runs beside a script ignores SIGINT, unless it is told otherwise.
  PATH=$work/bin env --default-signal=INT "$work/${from:-first}/tools/env" "$@" >"$FAKE/started" 2>"$FAKE/message" &
  started=$!
}
# The exit code of the process that start began; the file descriptors are those of begin.
ended() { code=0; wait "$started" 2>/dev/null || code=$?; }
wait_ready() { read -r -t 20 -u 5; }
wait_message() { while read -r -t 20 -u 7 line; do case $line in *"$1"*) return ;; esac; done; return 1; }
let_go() { echo >"$FAKE/go"; }
says() { case $errors in *"$1"*) ;; *) return 1 ;; esac; }
bound() { grep -qx -- "$1" "$FAKE/options"; }
unbound() { ! bound "$1"; }
count() { [ "$(grep -c "^$1" "$FAKE/calls")" = "$2" ]; }
roots() { set -- "$cache"/rootfs-*; [ -e "$1" ] || shift; echo $#; }
nothing_left() { set -- "$cache"/partial-* "$cache"/rootfs-*; [ "$*" = "$cache/partial-* $cache/rootfs-*" ]; }
works() {
  run echo fine
  [ "$code $output $(compgen -G "$cache/partial-*")" = "0 fine " ]
}

# ---- cases
case_a_complete_host_runs_the_command_itself() {
  touch "$FAKE/complete"
  run printf '[%s]' 'a b' '' "it's"
  [ "$code $output" = "0 [a b][][it's]" ]
  count inside 0
  nothing_left
}
case_the_first_call_makes_the_root_and_keeps_the_arguments() {
  run printf '[%s]' 'a b' '' "it's" '"quoted"' '$HOME' '*' -- '
'
  [ "$code" = 0 ]
  [ "$output" = "[a b][][it's][\"quoted\"][\$HOME][*][--][
]" ]
  count mmdebstrap 1
  count inside 1
  [ "$(cat "$FAKE/sources")" = "deb http://mirror.invalid/debian forky main
deb http://mirror.invalid/debian experimental main" ]
}
case_the_second_call_makes_nothing() {
  works
  works
  count mmdebstrap 1
  count inside 2
  [ -z "$errors" ]
}
case_the_exit_code_is_passed_through() {
  run sh -c 'exit 3'
  [ "$code" = 3 ]
  run sh -c 'exit 7'
  [ "$code" = 7 ]
}
case_terminated_half_way_leaves_nothing() {
  echo waits >"$FAKE/mmdebstrap"
  start true
  wait_ready
  compgen -G "$cache/partial-*"
  kill -TERM "$started"
  ended
  [ "$code" = 143 ]
  nothing_left
  echo works >"$FAKE/mmdebstrap"
  works
}
case_killed_half_way_is_never_used() {
  echo waits >"$FAKE/mmdebstrap"
  start true
  wait_ready
  kill -KILL "$started"
  ended
  [ "$code" = 137 ]
  flock -w 10 "$cache/lock" true
  compgen -G "$cache/partial-*"
  [ "$(roots)" = 0 ]
  echo works >"$FAKE/mmdebstrap"
  works
  count mmdebstrap 2
}
case_two_at_once_make_it_once() {
  echo waits >"$FAKE/mmdebstrap"
  start echo first
  wait_ready
  echo works >"$FAKE/mmdebstrap"
  local first=$started
  start echo second
  wait_message "another call is making the toolchain"
  let_go
  ended
  [ "$code" = 0 ]
  started=$first
  ended
  [ "$code" = 0 ]
  count mmdebstrap 1
  count inside 2
}
case_a_failing_mmdebstrap_names_the_log_and_the_variable() {
  echo 99 >"$FAKE/mmdebstrap_failures"
  run true
  [ "$code" = 69 ]
  count mmdebstrap 5
  [ "$(grep '^sleep' "$FAKE/calls" | tr '\n' ' ')" = "sleep 5 sleep 15 sleep 30 sleep 60 " ]
  says "E: the reason"
  says "$cache/mmdebstrap.log"
  says "INTERP_ACTORS_MIRROR="
  nothing_left
  grep -q "the reason" "$cache/mmdebstrap.log"
}
case_a_mirror_that_fails_for_a_moment_is_tried_again() {
  echo 2 >"$FAKE/mmdebstrap_failures"
  works
  count mmdebstrap 3
  count sleep 2
  says "mmdebstrap failed"
  says "trying again in 15 s"
}
# ends_at_once SIGNAL CODE: tools/env, which waits for a stand-in, ends at SIGNAL without waiting for it.
ends_at_once() {
  start true
  wait_ready
  kill "-$1" "$started"
  ended
  [ "$code" = "$2" ]
  count '.*went on' 0
  nothing_left
}
case_interrupted_between_two_tries_it_ends_at_once() {
  echo 1 >"$FAKE/mmdebstrap_failures"
  touch "$FAKE/sleep_waits"
  ends_at_once INT 130
  rm "$FAKE/sleep_waits"
  works
}
case_terminated_between_two_tries_it_ends_at_once() {
  rm "$work/bin/bwrap"
  echo 1 >"$FAKE/apt_failures"
  touch "$FAKE/sleep_waits"
  ends_at_once TERM 143
}
case_terminated_while_apt_waits_for_its_mirror_it_ends_at_once() {
  rm "$work/bin/bwrap"
  touch "$FAKE/apt_waits"
  ends_at_once TERM 143
}
case_killed_between_two_tries_nobody_waits_for_it() {
  echo 1 >"$FAKE/mmdebstrap_failures"
  touch "$FAKE/sleep_waits"
  start true
  wait_ready
  kill -KILL "$started"
  ended
  flock -w 10 "$cache/lock" true
  count '.*went on' 0
  rm "$FAKE/sleep_waits"
  works
}
case_a_disk_too_small_is_refused_before_the_start() {
  echo 100 >"$FAKE/free"
  run true
  [ "$code" = 69 ]
  says "100 MiB are free"
  says XDG_CACHE_HOME
  count mmdebstrap 0
}
case_a_disk_filled_on_the_way_is_named() {
  echo fills_disk >"$FAKE/mmdebstrap"
  run true
  [ "$code" = 69 ]
  says "is full"
  says XDG_CACHE_HOME
  nothing_left
  count mmdebstrap 1
  count sleep 0
}
case_root_installs_the_tools() {
  rm "$work"/bin/{mmdebstrap,bwrap}
  works
  grep '^apt-get install' "$FAKE/calls" | grep -q ' bubblewrap mmdebstrap'
}
case_a_failing_apt_is_quoted() {
  rm "$work/bin/bwrap"
  echo 99 >"$FAKE/apt_failures"
  run true
  [ "$code" = 69 ]
  says "E: apt says why"
  says "could not install bubblewrap"
  says "apt-get update"
  count sleep 4
}
case_a_mirror_that_apt_does_not_reach_for_a_moment_is_tried_again() {
  rm "$work"/bin/{mmdebstrap,bwrap}
  echo 2 >"$FAKE/apt_failures"
  works
  count 'apt-get update -o' 3
  count sleep 2
}
case_apt_does_not_try_again_on_a_full_disk() {
  rm "$work/bin/bwrap"
  echo 99 >"$FAKE/apt_failures"
  echo "E: You don't have enough free space in /var/cache/apt/archives/." >"$FAKE/apt_says"
  run true
  [ "$code" = 69 ]
  says "enough free space"
  count sleep 0
}
case_the_command_is_not_told_how_apt_was_called() {
  rm "$work/bin/bwrap"
  run sh -c 'echo "${DEBIAN_FRONTEND-none}"'
  [ "$output" = none ]
}
case_another_user_is_told_what_to_install() {
  rm "$work"/bin/{mmdebstrap,bwrap}
  echo 1000 >"$FAKE/uid"
  run true
  [ "$code" = 69 ]
  says "sudo apt-get install bubblewrap mmdebstrap"
  [ ! -s "$FAKE/calls" ]
}
case_a_host_without_namespaces_is_told_apart() {
  touch "$FAKE/no_namespaces"
  run true
  [ "$code" = 69 ]
  says "CAP_SYS_ADMIN"
  says "--add-subuids"
  count mmdebstrap 0
}
case_no_mirror_asks_for_one() {
  cat >"$FAKE/targets" <<'LIST'
Other http://other.invalid/linux/debian/
Debian Backports http://other.invalid/debian/
Debian tor+http://mirror.invalid/debian/
Debian mirror+file:/etc/apt/mirrors.txt
LIST
  echo "'http://other.invalid/ubuntu/dists/x/InRelease' other 0" >"$FAKE/uris"
  run true
  [ "$code" = 69 ]
  says "INTERP_ACTORS_MIRROR=URL"
  count mmdebstrap 0
  INTERP_ACTORS_MIRROR=https://named.invalid/d/ run true
  [ "$code" = 0 ]
  grep -q '^deb https://named.invalid/d forky main$' "$FAKE/sources"
}
case_no_host_stands_in_it() {
  [ -z "$(grep -E '[a-z]\.(org|com|net|io)\b' "$script")" ]
}
case_the_mirror_is_found_at_any_path_by_its_label() {
  printf '%s\n' "Other http://other.invalid/debian" "Debian https://mirror.invalid/pub/linux" >"$FAKE/targets"
  works
  grep -q '^deb https://mirror.invalid/pub/linux forky main$' "$FAKE/sources"
}
case_the_mirror_is_found_before_the_first_update() {
  : >"$FAKE/targets"
  printf "'%s' x 0\n" http://mirror.invalid/debian-security/dists/x/InRelease https://mirror.invalid/debian/dists/x/InRelease >"$FAKE/uris"
  works
  grep -q '^deb https://mirror.invalid/debian forky main$' "$FAKE/sources"
}
case_a_wrong_caf_root_is_refused() {
  CAF_ROOT=$work/nowhere run true
  [ "$code" = 69 ]
  says "CAF_ROOT=$work/nowhere holds no include/caf/config.hpp"
}
case_a_right_caf_root_is_handed_on() {
  mkdir -p "$FAKE/caf/include/caf"
  touch "$FAKE/caf/include/caf/config.hpp"
  CAF_ROOT=$FAKE/caf CMAKE_PREFIX_PATH=/before run sh -c 'echo "$CAF_ROOT $CMAKE_PREFIX_PATH"'
  [ "$output" = "$FAKE/caf $FAKE/caf:/before" ]
}
case_another_package_list_makes_another_root_and_drops_the_first() {
  works
  from=second works
  count mmdebstrap 2
  [ "$(roots)" = 1 ]
  from=second works
  count mmdebstrap 2
}
case_a_root_in_use_is_kept() {
  start bash -c 'echo >"$FAKE/ready"; read -r -t 30 <>"$FAKE/go"'
  wait_ready
  from=second works
  [ "$(roots)" = 2 ]
  let_go
  ended
  [ "$code" = 0 ]
}
case_a_mirror_whose_release_files_are_past_their_date_is_taken() {
  echo is_stale >"$FAKE/mmdebstrap"
  works
}
case_a_host_without_a_header_that_the_build_needs_is_not_complete() {
  touch "$FAKE/complete"
  local header
  for header in caf/io/all.hpp caf/openssl/all.hpp openssl/ssl.h gtest/gtest.h nlohmann/json.hpp CLI/CLI.hpp SQLiteCpp/SQLiteCpp.h \
    sqlite3.h ftxui/dom/table.hpp pugixml.hpp; do
    echo "$header" >"$FAKE/lacks"
    INTERP_ACTORS_TOOLCHAIN=host run true
    [ "$code" = 69 ]
    says "the host lacks: CAF >= 0.18.7"
    says nlohmann-json
  done
}
case_a_host_whose_python_is_too_old_is_not_complete() {
  touch "$FAKE/complete" "$FAKE/Python.h"
  echo 3.13.9 >"$FAKE/version"
  INTERP_ACTORS_TOOLCHAIN=host run true
  [ "$code" = 69 ]
  says "the host lacks: CPython >= 3.14 with development files"
  echo 3.14.0 >"$FAKE/version"
  INTERP_ACTORS_TOOLCHAIN=host run true
  [ "$code" = 0 ]
  rm "$FAKE/Python.h"
  INTERP_ACTORS_TOOLCHAIN=host run true
  [ "$code" = 69 ]
}
case_a_host_whose_caf_is_too_old_is_not_complete() {
  touch "$FAKE/complete"
  echo 1806 >"$FAKE/caf_number"
  INTERP_ACTORS_TOOLCHAIN=host run true
  [ "$code" = 69 ]
  says "the host lacks: CAF >= 0.18.7"
  echo 1807 >"$FAKE/caf_number"
  INTERP_ACTORS_TOOLCHAIN=host run true
  [ "$code" = 0 ]
}
case_a_host_that_mounts_no_proc_is_told_apart() {
  touch "$FAKE/no_proc"
  run true
  [ "$code" = 69 ]
  says "CAP_SYS_ADMIN"
  count mmdebstrap 0
}
case_the_command_is_told_its_toolchain() {
  run sh -c 'echo "$INTERP_ACTORS_ENVIRONMENT"'
  [ "$output" = "$(basename "$cache"/rootfs-*)" ]
  touch "$FAKE/complete"
  run sh -c 'echo "$INTERP_ACTORS_ENVIRONMENT"'
  [ "$output" = host ]
}
case_the_libraries_of_the_host_stay_outside() {
  LD_LIBRARY_PATH=/before run sh -c 'echo "${LD_LIBRARY_PATH-none}"'
  [ "$output" = none ]
}
case_the_libraries_of_another_caf_are_found() {
  mkdir -p "$FAKE/caf/include/caf"
  touch "$FAKE/caf/include/caf/config.hpp"
  CAF_ROOT=$FAKE/caf LD_LIBRARY_PATH=/before run sh -c 'echo "${LD_LIBRARY_PATH-none}"'
  [ "$output" = "$FAKE/caf/lib" ]
  touch "$FAKE/complete"
  CAF_ROOT=$FAKE/caf LD_LIBRARY_PATH=/before run sh -c 'echo "${LD_LIBRARY_PATH-none}"'
  [ "$output" = "$FAKE/caf/lib:/before" ]
}
case_a_checkout_below_var_keeps_its_path() {
  cd "$beyond/tools"
  from=../..$beyond works
  bound "--bind-try $beyond $beyond"
  bound "--ro-bind $cache/rootfs-.* /var/lib"
  bound "--chdir $beyond/tools"
}
case_folders_below_those_of_the_root_keep_their_paths() {
  HOME=/var/lib/some/home XDG_CACHE_HOME=$cache/.. CCACHE_DIR=$cache/ccache TMPDIR=/usr/share/one run true
  [ "$code" = 0 ]
  local folder
  for folder in /var/lib/some/home /usr/share/one; do bound "--bind-try $folder $folder"; done
  for folder in /var/lib/dpkg /var/opt /usr/share/cmake /usr/bin /etc; do bound "--ro-bind .*/rootfs-[^/]*$folder $folder"; done
  bound "--symlink cmake /usr/share/link"
  for folder in /var/lib /usr/share; do unbound "--ro-bind .* $folder"; done
}
case_a_home_below_etc_leaves_the_rest_of_it() {
  HOME=/etc/one/home run true
  bound "--bind-try /etc/one/home /etc/one/home"
  bound "--ro-bind .*/etc/ssl /etc/ssl"
  unbound "--ro-bind .* /etc"
}
case_a_host_that_must_be_complete_says_what_it_lacks() {
  INTERP_ACTORS_TOOLCHAIN=host run true
  [ "$code" = 69 ]
  says "the host lacks: CPython >= 3.14"
}
case_nothing_to_run_is_refused() {
  run
  [ "$code" = 69 ]
  says usage
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
