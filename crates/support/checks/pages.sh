#!/usr/bin/env bash
# Looks at every page of the support page in a real browser: axe-core (WCAG 2.2 A and AA), 320 and 1280 pixels, light and dark, three
# languages, by keyboard alone, and in w3m. Needs Rust, chromium, node, npm, curl and w3m. Screenshots go into the folder that is named.
#   crates/support/checks/pages.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../../.."
out="${1:?name a folder for the screenshots}"
mkdir -p "$out"
work="$(mktemp -d)"
server=
trap 'if [ -n "$server" ]; then kill "$server"; fi; rm -rf "$work"' EXIT

npm install --silent --no-audit --no-fund --prefix "$work" axe-core@4 puppeteer-core@24 >/dev/null
cargo build -q --workspace --locked --example sample
"${CARGO_TARGET_DIR:-target}/debug/examples/sample" "$work/bundle" > "$work/at" &
server=$!
for _ in $(seq 100); do
  if [ -s "$work/at" ]; then break; fi
  sleep 0.1
done
read -r url code < "$work/at"

cp crates/support/checks/pages.mjs "$work/"
node "$work/pages.mjs" "$url" "$code" "$out" "$(command -v chromium)"

# A text browser shows the form, says what it wants, and has no need of a script.
w3m -dump -cols 60 "$url/" > "$out/front.w3m.txt"
for words in 'Enter the code in your letter' 'Such as 7K2M' 'never ask for your name' '+852 5550 1999'; do
  grep -qF "$words" "$out/front.w3m.txt" || { echo "w3m does not show: $words"; exit 1; }
done
curl -s -o /dev/null -c "$work/jar" --data-urlencode "code=$code" -d l=en "$url/enter"
for page in letter todo updates safety; do
  curl -s -b "$work/jar" "$url/$page" | w3m -T text/html -dump -cols 60 > "$out/$page.w3m.txt"
done
expect() { grep -qF "$2" "$out/$1.w3m.txt" || { echo "w3m does not show on $1: $2"; exit 1; }; }
expect letter 'They opened it on 3'
expect todo '[ ]'
expect updates 'Your bank details were not'
expect safety 'Call the police'
echo "w3m reads the pages"
