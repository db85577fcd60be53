#!/bin/sh
# Last step of the image: what a base lacks is installed, and the linker's cache is made.
set -eu
if ! command -v runc >/dev/null 2>&1 || ! command -v mkfs.ext4 >/dev/null 2>&1 || ! command -v python3 >/dev/null 2>&1; then
  command -v apt-get >/dev/null 2>&1 || { echo 'the base has no runc, mkfs.ext4 or python3, and no apt-get' >&2; exit 1; }
  apt-get update -q
  apt-get install -q -y --no-install-recommends runc mount util-linux e2fsprogs python3 ca-certificates
  rm -rf /var/lib/apt/lists/*
fi
ldconfig
node --version
nats-server --version
