#!/usr/bin/env bash
# Installs other people's clients, in the versions pinned beside this file, for the tests in this directory. Without node only
# the Python ones. To a directory that is given, else to .venv-conformance; twice does nothing the second time.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
to="${1:-$here/../../.venv-conformance}"
pinned="$(cat "$here/requirements.txt" "$here/package.json")"
[ "$(cat "$to/installed" 2>/dev/null)" = "$pinned" ] && exit 0
"${PYTHON:-python3}" -m venv "$to"
"$to/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
if command -v npm > /dev/null; then
  mkdir -p "$to/node"
  cp "$here/package.json" "$to/node/package.json"
  npm install --prefix "$to/node" --no-audit --no-fund --silent
else
  echo "npm is not here, so its clients are not installed and their tests are skipped" >&2
fi
printf '%s' "$pinned" > "$to/installed"
