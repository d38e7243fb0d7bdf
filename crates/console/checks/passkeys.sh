#!/usr/bin/env bash
# Two people with passkeys, in a real browser: Chromium's virtual authenticators stand for a telephone or a token. They enrol, sign in, and
# approve the letters of a case together; the ledger is then checked offline. Whoever is not known to their authenticator signs nothing.
# Needs Debian's chromium, node and npm; sends nothing anywhere but to this machine, and works on a copy of the case.
#
#   crates/console/checks/passkeys.sh CASE [PICTURES]
#
# CODE: set where sow.sh had somebody write to the case: then a question is answered, too.
# CASE: a case folder with drafted letters and nobody enrolled, that A. Chan (or OPENER) opened, as
# `strandline --responder "A. Chan" drill` makes one. STRANDLINE names the program (default: target/debug/strandline of this checkout).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case=${1:?usage: passkeys.sh CASE [PICTURES]}
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
cp -r "$case" "$work/case"
# The first enrolment is that of whoever opened the case.
opener=${OPENER:-A. Chan}
"$program" --json --responder "$opener" serve "$work/case" --listen 127.0.0.1:0 >"$work/link.json" &
server=$!
for _ in $(seq 100); do [ -s "$work/link.json" ] && grep -q '}' "$work/link.json" && break; sleep 0.1; done
NODE_PATH="$tools/node_modules" node "$here/passkeys.cjs" "$work/link.json" "$pictures"
kill "$server"
wait "$server" 2>/dev/null || true
server=
"$program" responders "$work/case"
"$program" notify "$work/case" status | head -3
"$program" verify "$work/case"
