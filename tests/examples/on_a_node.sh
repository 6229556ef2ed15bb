#!/usr/bin/env bash
# on_a_node.sh NODE_PROGRAM PROGRAM: runs a program that finds a node with three slots in its configuration.
set -euo pipefail
coproc NODE { exec "$1" node --listen 127.0.0.1:0 --slots 3; }
node=$NODE_PID
trap 'kill "$node" && wait "$node"' EXIT
read -r _ _ where _ <&"${NODE[0]}" # listening at HOST:PORT with ...
"$2" "--interp-actors.nodes=[\"$where\"]"
