#!/bin/sh
# Leaves function.zip in the folder given, or in build/. Needs Go 1.19 or later.
set -eu
out=$(mkdir -p "${1:-build}" && cd "${1:-build}" && pwd)
cd "$(dirname "$0")"
# Without C the program is static and runs whatever libraries the sandbox has. On another system add GOOS=linux.
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$out/bootstrap" .
python3 -m zipfile -c "$out/function.zip" "$out/bootstrap"
