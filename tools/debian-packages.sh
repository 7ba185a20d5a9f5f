#!/usr/bin/env bash
# Installs the Debian packages of the clients and proxies that `npm run test:interop` uses, if they are missing.
# Needs root.
set -euo pipefail

declare -A packages=(
  [chromium]=chromium [curl]=curl [h2load]=nghttp2-client [haproxy]=haproxy
  [nghttp]=nghttp2-client [nginx]=nginx-light [openssl]=openssl [redis-server]=redis-server
)

# Debian installs servers into a folder that is only in root's PATH.
PATH=$PATH:/usr/sbin
missing=()
for program in "${!packages[@]}"; do
  command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends "${missing[@]}"
