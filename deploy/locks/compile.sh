#!/usr/bin/env bash
# Write the locks beside this file from pyproject.toml: `make locks`. Versions that are locked stay; with UPGRADE=1 the
# newest that fit are taken. No index address gets into a lock: pip uses the one of the machine it runs on.
set -euo pipefail
cd "$(dirname "$0")/../.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/uv"
"$work/uv/bin/pip" install --quiet --disable-pip-version-check uv

compile() { # compile LOCK INPUT...
  local lock=deploy/locks/$1.txt
  shift
  "$work/uv/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate ${UPGRADE:+--upgrade} --output-file "$lock" "$@"
  printf '%s: %s packages\n' "$lock" "$(grep -c '^[a-z]' "$lock")"
}

# dev has every other package but the sdist's own, and the other locks take its versions: one set, installed together
compile dev pyproject.toml --extra dev
same=(--constraint deploy/locks/dev.txt)
compile base pyproject.toml "${same[@]}"
compile cli pyproject.toml --extra cli "${same[@]}"
compile site pyproject.toml --extra site "${same[@]}"
compile controller pyproject.toml --extra controller "${same[@]}"
compile agent pyproject.toml --extra agent "${same[@]}"
compile e2e pyproject.toml --extra e2e "${same[@]}"
compile libvirt pyproject.toml --extra agent --extra libvirt "${same[@]}"
compile build deploy/locks/build.in "${same[@]}"
