#!/usr/bin/env bash
# The clients and proxies that `npm run test:interop` puts in front of a service, from Debian's packages: what is
# missing of them is installed. Needs root.
set -euo pipefail

declare -A packages=(
  [chromium]=chromium [curl]=curl [h2load]=nghttp2-client [haproxy]=haproxy
  [nghttp]=nghttp2-client [nginx]=nginx-light [openssl]=openssl
)

# Debian keeps the servers where only root looks.
PATH=$PATH:/usr/sbin
missing=()
for program in "${!packages[@]}"; do
  command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends "${missing[@]}"
