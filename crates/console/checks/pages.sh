#!/usr/bin/env bash
# Every page of the console in a real browser: pictures in both languages, on a wide screen, on a narrow one and on paper; axe-core
# (WCAG 2.2 A and AA) on each; nothing on a page may ask another host for anything or leave a message on the browser's console.
# Needs Debian's chromium and poppler-utils, node and npm; sends nothing anywhere but to this machine.
#
#   crates/console/checks/pages.sh CASE [PICTURES [ANOTHER-CASE]]
#
# CASE: a case folder, as `strandline drill` makes one. PICTURES: where pictures go (default: a new temporary folder). With
# another case, both are served together, and their list is looked at, too.
# CODE: the code of a letter, as sow.sh prints it of a case that it had somebody write to: then a message, and a caller's sheet, are looked
# at, too. STRANDLINE names the program (default: target/debug/strandline of this checkout).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case=${1:?usage: pages.sh CASE [PICTURES]}
pictures=${2:-$(mktemp -d)}
another=${3:-}
mkdir -p "$pictures"
program=${STRANDLINE:-$here/../../../target/debug/strandline}
tools=${CONSOLE_CHECK_TOOLS:-$(mktemp -d)}
work=$(mktemp -d)
servers=()
trap 'for server in "${servers[@]}"; do kill "$server" 2>/dev/null; done; rm -rf "$work"' EXIT

if [ ! -d "$tools/node_modules/axe-core" ]; then
  (cd "$tools" && npm init -y >/dev/null && npm install --no-audit --no-fund axe-core@4 puppeteer-core@24 >/dev/null)
fi

# Serves cases and waits for the link.
open() {
  local file=$1
  shift
  "$program" --json --responder "A. Chan" serve "$@" --listen 127.0.0.1:0 >"$file" &
  servers+=($!)
  for _ in $(seq 100); do [ -s "$file" ] && grep -q '}' "$file" && break; sleep 0.1; done
}

# What is struck there is struck in a copy, with the score of a drill beside it.
mkdir "$work/drill"
cp -r "$case" "$work/drill/case"
[ ! -f "$case/../score.json" ] || cp "$case/../score.json" "$work/drill/"
open "$work/link.json" "$work/drill/case"
[ -z "$another" ] || open "$work/all.json" "$work/drill/case" "$another"
NODE_PATH="$tools/node_modules" node "$here/pages.cjs" "$work/link.json" "$pictures" ${another:+"$work/all.json"}
