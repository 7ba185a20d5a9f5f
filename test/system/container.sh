#!/usr/bin/env bash
# Runs a command as a container runtime does. Needs root and util-linux.
#   container.sh NODE ROOT USER FOLDER TMPFS COMMAND [ARG...]
# The command is PID 1 of a PID namespace. ROOT is its root folder, FOLDER its working directory. The process runs as USER
# of ROOT, without capabilities, and cannot gain any. Only TMPFS is writable: `PATH:OPTIONS`, or nothing.
set -euo pipefail

if [[ $1 != --inside ]]; then
  exec unshare --pid --fork --mount -- bash "$(realpath "$0")" --inside "$@"
fi
node=$2 root=$3 user=$4 folder=$5 tmpfs=$6
shift 6

mount --bind "$root" "$root"
mounts=("$root")
# The programs of this machine stand in for those of the base image.
for each in dev usr/bin usr/lib usr/lib64 usr/sbin; do
  mkdir -p "$root/$each"
  if [[ -d /$each ]]; then
    mount --bind "/$each" "$root/$each"
    mounts+=("$root/$each")
  fi
done
mount --bind "$node" "$root/usr/local/bin/node"
mounts+=("$root/usr/local/bin/node")
mkdir -p "$root/proc" "$root${tmpfs%%:*}"
for each in "${mounts[@]}"; do mount -o remount,bind,ro "$each"; done
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
if [[ -n $tmpfs ]]; then
  mount -t tmpfs -o "nosuid,nodev,noexec,${tmpfs#*:}" tmpfs "$root${tmpfs%%:*}"
fi

exec unshare --root="$root" --wd="$folder" -- setpriv --reuid="$user" --regid="$user" --clear-groups \
  --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@"
