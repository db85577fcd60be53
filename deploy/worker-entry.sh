#!/bin/sh
# Start of a worker in a container: gives it what a container runtime hides, then becomes the given command.
set -eu

# A user namespace may mount /proc and /sys only where a whole one is visible that is not stricter than the new one, and
# the engine masks parts of its own and makes others read-only.
mkdir -p -m 0700 /run/weft-host
mkdir -p /run/weft-host/proc /run/weft-host/sys
mount -t proc -o nosuid,nodev,noexec proc /run/weft-host/proc
mount -t sysfs -o nosuid,nodev,noexec sysfs /run/weft-host/sys

# Functions in networks go out through this container.
if [ -n "${WEFT_NETWORKS:-}" ]; then
  echo 1 > /run/weft-host/proc/sys/net/ipv4/ip_forward
fi

# /usr is bound into sandboxes, and a user namespace may not bind a folder without the mounts below it. The engine's init
# is one; it runs on without its name.
umount -l /usr/sbin/docker-init 2>/dev/null || true

# Mounts that are made later must reach sandboxes that run already.
mount --make-rshared /

exec "$@"
