#!/usr/bin/env bash
# Has somebody write to the desk of a case, the whole way: two people approve the letters, the support page is published and served, and
# what is written there with the code of a letter is collected. Prints that code. Needs curl; sends nothing anywhere but to this machine.
#
#   crates/console/checks/sow.sh CASE
#
# CASE: a case folder with drafted letters and nobody enrolled, as `strandline --responder "A. Chan" drill` makes one; it is changed.
# STRANDLINE names the program (default: target/debug/strandline of this checkout).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case=${1:?usage: sow.sh CASE}
program=${STRANDLINE:-$here/../../../target/debug/strandline}
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

for who in "A. Chan" "B. Lee"; do
  "$program" --responder "$who" notify "$case" approve >&2
done
"$program" --responder "A. Chan" support publish "$case" --into "$work/bundle" >&2
"$program" support serve "$work/bundle" --listen 127.0.0.1:0 2>"$work/at" &
server=$!
for _ in $(seq 100); do grep -q 'http://' "$work/at" && break; sleep 0.1; done
page=$(grep -o 'http://[0-9.:]*' "$work/at" | head -n 1)
# The first letter by name that has a code.
letter=$(grep -lE '\b([0-9A-Z]{4}-){3}[0-9A-Z]{4}\b' "$case"/letters/*.txt | sort | head -n 1)
code=$(grep -ohE '\b([0-9A-Z]{4}-){3}[0-9A-Z]{4}\b' "$letter" | head -n 1)
curl -sf -o "$work/entered" -c "$work/jar" --data-urlencode "code=$code" -d l=en "$page/enter"
token=$(curl -sf -b "$work/jar" "$page/ask" | grep -o 'name="token" value="[^"]*"' | head -n 1 | cut -d'"' -f4)
for message in "question=Was my bank account seen?" "safety=They know where I live." "not_me=This is not for me."; do
  curl -sf -o "$work/sent" -b "$work/jar" -d "token=$token" -d "kind=${message%%=*}" -d way=page --data-urlencode "text=${message#*=}" "$page/send"
done
"$program" --responder "A. Chan" support collect "$case" --from "$work/bundle" >&2
echo "$code"
