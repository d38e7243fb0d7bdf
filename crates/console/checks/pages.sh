#!/usr/bin/env bash
# Every page of the console in a real browser: pictures in both languages, on a wide screen, on a narrow one and on paper; axe-core
# (WCAG 2.2 A and AA) on each; nothing on a page may ask another host for anything or leave a message on the browser's console.
# Needs Debian's chromium, node and npm; sends nothing anywhere but to this machine.
#
#   crates/console/checks/pages.sh CASE [PICTURES]
#
# CASE: a case folder, as `strandline drill` makes one. PICTURES: where pictures go (default: a new temporary folder).
# STRANDLINE names the program (default: target/debug/strandline of this checkout).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case=${1:?usage: pages.sh CASE [PICTURES]}
pictures=${2:-$(mktemp -d)}
mkdir -p "$pictures"
program=${STRANDLINE:-$here/../../../target/debug/strandline}
tools=${CONSOLE_CHECK_TOOLS:-$(mktemp -d)}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

if [ ! -d "$tools/node_modules/axe-core" ]; then
  (cd "$tools" && npm init -y >/dev/null && npm install --no-audit --no-fund axe-core@4 puppeteer-core@24 >/dev/null)
fi
"$program" --json --responder "A. Chan" serve "$case" --listen 127.0.0.1:0 >"$work/link.json" &
server=$!
for _ in $(seq 100); do [ -s "$work/link.json" ] && grep -q '}' "$work/link.json" && break; sleep 0.1; done
NODE_PATH="$tools/node_modules" node "$here/pages.cjs" "$work/link.json" "$pictures"
