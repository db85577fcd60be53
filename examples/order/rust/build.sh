#!/bin/sh
# Leaves function.zip in the folder given, or in build/. Needs cargo; no crates are fetched.
set -eu
out=$(mkdir -p "${1:-build}" && cd "${1:-build}" && pwd)
cd "$(dirname "$0")"
# The program uses the C library of the sandbox, which is the worker's host's. For a static one build with
# --target x86_64-unknown-linux-musl, where rustup has that target.
cargo build --quiet --release --offline --locked --target-dir "$out/target"
python3 -m zipfile -c "$out/function.zip" "$out/target/release/bootstrap"
