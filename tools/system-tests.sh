#!/usr/bin/env bash
# Runs the tests with real service managers: `npm run test:system`. Where these cannot run, prints why, and succeeds.
#   system-tests.sh [FILTER...]
set -euo pipefail
cd "$(dirname "$0")/.."

skipped() { printf '\nSKIPPED: %s.\n\n' "$1"; }
skip() {
  skipped "the system tests need $1"
  exit 0
}

[[ $(id -u) -eq 0 ]] || skip 'root'
if ! command -v systemctl >/dev/null && ! command -v apt-get >/dev/null; then skip 'systemd, or Debian to install it'; fi
bash tools/debian-packages.sh system
unshare --mount --net --cgroup --pid --fork mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null ||
  skip 'permission to create namespaces, and cgroup v2'

files=(test/system/*.test.ts)
if ! HANDOVER_NEWER_SYSTEMD=$(bash tools/newer-systemd.sh); then
  skipped 'the tests of Type=notify-reload need systemd 253 or later, which cannot be downloaded'
  files=("${files[@]/test\/system\/notify-reload.test.ts/}")
fi
export HANDOVER_NEWER_SYSTEMD
if ! unshare --net sh -c 'ip link add bridge type bridge && ip link add port type veth peer name other' 2>/dev/null; then
  skipped 'the tests behind HAProxy and nginx need a kernel with the network devices bridge and veth'
  for name in haproxy nginx; do files=("${files[@]/test\/system\/$name.test.ts/}"); done
fi
if [[ $# -gt 0 ]]; then files=("$@"); fi
npx vitest run --project system ${files[*]}
