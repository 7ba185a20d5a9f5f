#!/bin/bash
# Deploys a release that is in place. If the release fails, switches back to the one that serves.
#   deploy.sh RELEASE [OPTION...]      deploys /srv/app/releases/RELEASE, with these options of handover reload
#   deploy.sh --rollback [OPTION...]   deploys the release that served before the last deploy
set -euo pipefail

app=/srv/app
keep=5
export HANDOVER_CONTROL=/run/app/handover.sock
# A closed terminal or a lost ssh connection must not end the script between the reload and the link.
trap '' HUP INT PIPE

cd "$app"
exec 9>deploy.lock
flock --nonblock 9 || { echo 'another deploy is under way' >&2; exit 5; }

before=$(readlink current)
next=releases/${1:?usage: deploy.sh RELEASE|--rollback [OPTION...]}
if [ "$1" = --rollback ]; then next=$(readlink previous || true); fi
[ -d "$next" ] || { echo "no such release: ${next:-none before this one}" >&2; exit 2; }
shift

# ssh, cron and systemd set a short PATH. The release that serves has handover, and may have node.
export PATH="$app/$before/node_modules/.bin:/usr/local/bin:/usr/bin:/bin"
point() { ln -sfn "$2" "$1.next" && mv -T "$1.next" "$1"; }

point current "$next"
code=0
# The pipe keeps the exit code: Node aborts when it exits and its terminal is gone.
setsid --wait handover reload "$@" </dev/null 2>&1 | { cat || true; } || code=$?
case $code in
  0) ;;
  1 | 2 | 3 | 5 | 126 | 127) point current "$before"; exit "$code" ;;
  *) echo 'the outcome is unknown: see handover status' >&2; exit "$code" ;;
esac
[ "$next" = "$before" ] || point previous "$before"

# Removes old releases, but none that a generation still runs or that a link leads to.
touch "$next"
used=$(handover status --json && readlink current previous) || exit 0
ls -1t releases | tail -n "+$((keep + 1))" | while read -r old; do
  echo "$used" | grep --quiet --fixed-strings --word-regexp "releases/$old" || rm -rf "releases/$old"
done
