#!/usr/bin/env bash
# Runs a command beside a real systemd: a user manager of root, in namespaces of its own. Needs root and util-linux.
#   with-systemd.sh SRV NODE COMMAND [ARG...]
# SRV is mounted at /srv; SRV/units holds unit files: `systemctl --user start NAME`, `journalctl`. This repository is
# at /opt/handover, and /usr/bin/node is NODE. The manager and all services end with the command. If SYSTEMD_FILES is a
# folder with another systemd, this one runs.
set -euo pipefail

if [[ ${1:-} != --in* ]]; then
  if [[ $# -lt 3 ]]; then
    echo 'usage: with-systemd.sh SRV NODE COMMAND [ARG...]' >&2
    exit 2
  fi
  exec unshare --mount -- bash "$(realpath "$0")" --in-group "$@"
fi
script=$(realpath "$0")

# A cgroup of its own: several managers would otherwise share the cgroups of services with the same name.
if [[ $1 = --in-group ]]; then
  shift
  mount -t cgroup2 cgroup2 /mnt
  parent=/mnt$(sed -n 's/^0:://p' /proc/self/cgroup)
  group=$parent/handover-test-$$
  mkdir "$group"
  echo $$ >"$group/cgroup.procs"
  code=0
  unshare --mount --cgroup --pid --fork --kill-child --mount-proc -- bash "$script" --inside "$@" || code=$?
  echo $$ >"$parent/cgroup.procs"
  find "$group" -depth -type d -exec rmdir {} +
  exit "$code"
fi

srv=$2 node=$(realpath "$3")
shift 3
root=$(dirname "$script")/../..

mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /opt
mkdir /opt/handover
mount --bind "$root" /opt/handover
mount --bind "$srv" /srv
cd /srv
if [[ -n ${SYSTEMD_FILES:-} ]]; then
  mount -t overlay overlay -o "lowerdir=$SYSTEMD_FILES:/usr" /usr
fi
if ! [[ /usr/bin/node -ef $node ]]; then
  mkdir /run/overlay /run/overlay/upper /run/overlay/work
  cp "$node" /run/overlay/upper/node
  mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=/run/overlay/upper,workdir=/run/overlay/work /usr/bin
fi
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /var/tmp

# Not in /run/user, which ProtectHome= hides.
export XDG_RUNTIME_DIR=/run/manager XDG_CONFIG_HOME=/run/config SYSTEMD_LOG_TARGET=journal
unset NOTIFY_SOCKET LISTEN_PID LISTEN_FDS LISTEN_FDNAMES
mkdir -p /run/systemd/system "$XDG_CONFIG_HOME/systemd"
ln -s /srv/units "$XDG_CONFIG_HOME/systemd/user"

# Settings such as ProtectHome= mount these nodes over what they hide. As PID 1, systemd creates them itself.
hidden=/run/systemd/inaccessible
mkdir -p "$hidden" "$XDG_RUNTIME_DIR"
chmod 755 /run "$XDG_RUNTIME_DIR" /opt
mkdir -m 0 "$hidden/dir"
install -m 0 /dev/null "$hidden/reg"
mkfifo -m 0 "$hidden/fifo"
mknod -m 0 "$hidden/chr" c 0 0
mknod -m 0 "$hidden/blk" b 0 0

# This journal keeps its hands off the kernel's log and audit.
mkdir -p /run/systemd/journald.conf.d
printf '[Journal]\nStorage=volatile\nAudit=\nReadKMsg=no\nForwardToWall=no\nRateLimitBurst=0\n' >/run/systemd/journald.conf.d/test.conf
/lib/systemd/systemd-journald &
until [[ -S /run/systemd/journal/stdout ]]; do sleep 0.02; done

/lib/systemd/systemd --user --unit=basic.target &
for _ in $(seq 200); do
  if systemctl --user is-active --quiet basic.target 2>/dev/null; then
    # As PID 1, systemd lets services of every user notify it.
    chmod 755 "$XDG_RUNTIME_DIR/systemd"
    chmod 666 "$XDG_RUNTIME_DIR/systemd/notify"
    code=0
    "$@" || code=$?
    exit "$code"
  fi
  sleep 0.05
done
echo 'systemd did not start within 10 s:' >&2
journalctl --output=cat --no-pager >&2
exit 3
