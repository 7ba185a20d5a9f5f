#!/bin/sh
# Copies a release to each host, and deploys it there. Stops at the first host where that fails.
#   push.sh FOLDER RELEASE HOST...
set -eu

folder=$1 release=$2
shift 2
for host; do
  rsync --archive --delete --exclude=.git --link-dest=/srv/app/current \
    "$folder/" "$host:/srv/app/releases/$release/"
  ssh -o BatchMode=yes -o ServerAliveInterval=15 "$host" "/srv/app/deploy.sh '$release'"
done
