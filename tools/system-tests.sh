#!/usr/bin/env bash
# Runs the tests with real service managers: `npm run test:system`. Where these cannot run, prints why, and succeeds.
#   system-tests.sh [FILTER...]
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  printf '\nSKIPPED: the system tests need %s.\n' "$1"
  exit 0
}

[[ $(id -u) -eq 0 ]] || skip 'root'
if ! command -v systemctl >/dev/null && ! command -v apt-get >/dev/null; then skip 'systemd, or Debian to install it'; fi
bash tools/debian-packages.sh system
unshare --mount --cgroup --pid --fork mount -t tmpfs tmpfs /run 2>/dev/null || skip 'permission to create namespaces'
npx vitest run --project system "$@"
