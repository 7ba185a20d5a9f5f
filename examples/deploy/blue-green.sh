#!/bin/bash
# Deploys a release to the idle side, tests it there, and makes HAProxy send requests to it.
#   blue-green.sh RELEASE      deploys /srv/app/releases/RELEASE
#   blue-green.sh --rollback   returns to the other side, which still runs the release before
set -euo pipefail

app=/srv/app
run=/run/app
declare -A port=([blue]=3001 [green]=3002)
cd "$app"
exec 9>deploy.lock
flock --nonblock 9 || { echo 'another deploy is under way' >&2; exit 5; }

haproxy() { echo "$1" | socat stdio "$run/haproxy.sock"; }
# The administrative state of the side that serves is neither drain nor maintenance.
live=$(haproxy 'show servers state app' | awk '$4 ~ /blue|green/ && !($7 % 4) && $7 < 8 { print $4 }')
case $live in
  blue) idle=green ;;
  green) idle=blue ;;
  *) echo "not exactly one side serves: ${live:-none}" >&2; exit 1 ;;
esac
before=$(readlink "$idle")
export PATH="$app/$before/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"

reload() {
  ln -sfn "$1" "$idle.next" && mv -T "$idle.next" "$idle"
  handover reload --control "$run/$idle.sock"
}
# No client has reached the release when it is tested.
works() { curl --silent --show-error --fail --retry 3 --max-time 5 "http://127.0.0.1:${port[$idle]}/healthz"; }

if [ "${1:?usage: blue-green.sh RELEASE|--rollback}" = --rollback ]; then
  works
elif ! [ -d "releases/$1" ]; then
  echo "no such release: $1" >&2
  exit 2
elif ! { reload "releases/$1" && works; }; then
  reload "$before" || true
  echo "release $1 failed; $live keeps serving" >&2
  exit 1
fi
haproxy "set server app/$idle state ready; set server app/$live state drain"
haproxy 'show servers state' >haproxy.state
echo "$idle serves $(readlink "$idle")"
