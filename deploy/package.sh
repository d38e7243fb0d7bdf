#!/bin/sh
# Builds the programs and what the Debian package ships beside them. Run in the project's folder; then `cargo deb -p strandline --no-build`.
set -eu
cargo build --release --locked -p strandline -p strandline-print
target=${CARGO_TARGET_DIR:-target}
mkdir -p target/package/man
"$target/release/strandline" man target/package/man
"$target/release/strandline" completions bash > target/package/strandline.bash
"$target/release/strandline" completions zsh > target/package/_strandline
"$target/release/strandline" completions fish > target/package/strandline.fish
