#!/usr/bin/env bash
# Installs Debian packages for tests, if they are missing. Needs root.
#   debian-packages.sh [interop]   clients and proxies, for `npm run test:interop`
#   debian-packages.sh system      the service manager, an init, namespaces, ssh, proxies, deploy tools and Prometheus, for
#                                  `npm run test:system`
set -euo pipefail

declare -A packages
case ${1:-interop} in
  interop)
    packages=(
      [chromium]=chromium [curl]=curl [h2load]=nghttp2-client [haproxy]=haproxy
      [nghttp]=nghttp2-client [nginx]=nginx-light [openssl]=openssl [redis-server]=redis-server
    )
    ;;
  system)
    packages=(
      [ansible-playbook]=ansible-core [curl]=curl [flock]=util-linux [haproxy]=haproxy [ip]=iproute2 [nginx]=nginx-light
      [nsenter]=util-linux [pgrep]=procps [prometheus]=prometheus [rsync]=rsync [socat]=socat [ssh]=openssh-client
      [sshd]=openssh-server [systemctl]=systemd [tini]=tini [unshare]=util-linux
    )
    ;;
  *)
    echo "usage: $0 [interop|system]" >&2
    exit 2
    ;;
esac

# Debian installs servers into a folder that is only in root's PATH.
PATH=$PATH:/usr/sbin
missing=()
for program in "${!packages[@]}"; do
  command -v "$program" >/dev/null || missing+=("${packages[$program]}")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi

# The tests start each server themselves: the installation must not (policy-rc.d, invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if ! [ -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends "${missing[@]}"
