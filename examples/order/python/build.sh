#!/bin/sh
# Leaves function.zip in the folder given, or in build/.
set -eu
out=$(mkdir -p "${1:-build}" && cd "${1:-build}" && pwd)
cd "$(dirname "$0")"
python3 -m zipfile -c "$out/function.zip" till.py
