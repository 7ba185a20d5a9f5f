#!/usr/bin/env bash
# Runs a command on a machine that deploys to others over ssh. Each machine consists of namespaces. Needs root,
# util-linux, iproute2 and openssh-server.
#   with-hosts.sh FOLDER NODE HOSTS COMMAND [ARG...]
# The hosts app-1, app-2… run sshd for the user app; FOLDER/app-1… is /srv there. On each machine, this repository is at
# /opt/handover, and /usr/bin/node is NODE. The command can log in to all hosts, and they end with it.
set -euo pipefail
# The home of root, where ssh looks for its keys.
home=~root
script=$(realpath "$0")

# The hosts: 10.0.1.2, 10.0.2.2…
if [[ ${1:-} = --host ]]; then
  folder=$2 name=$3
  exec 2>"$folder/$name.log"
  hostname "$name"
  mount --bind "$folder/$name" /srv
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs "$home"
  mount -t tmpfs tmpfs /tmp
  mkdir /run/sshd
  install -d -o app -g app /run/app
  exec /usr/sbin/sshd -D -e -f /opt/ssh/sshd_config
fi

if [[ ${1:-} != --inside ]]; then
  if [[ $# -lt 4 ]]; then
    echo 'usage: with-hosts.sh FOLDER NODE HOSTS COMMAND [ARG...]' >&2
    exit 2
  fi
  exec unshare --net --mount --pid --fork --kill-child --mount-proc -- bash "$script" --inside "$@"
fi

folder=$2 node=$(realpath "$3") hosts=$4
shift 4
root=$(dirname "$script")/../..
export HOME=$home
unset SSH_AUTH_SOCK

mount -t tmpfs tmpfs /run
mkdir /run/bin /run/bin.work /run/home /run/home.work
if ! [[ /usr/bin/node -ef $node ]]; then
  cp "$node" /run/bin/node
  mount -t overlay overlay -o lowerdir=/usr/bin,upperdir=/run/bin,workdir=/run/bin.work /usr/bin
fi
mount -t overlay overlay -o lowerdir="$home",upperdir=/run/home,workdir=/run/home.work "$home"
mount -t tmpfs tmpfs /opt
mkdir /opt/handover /opt/ssh
mount --bind "$root" /opt/handover

users() {
  { cat "/etc/$1"; echo "$2"; } >"/opt/$1"
  mount --bind "/opt/$1" "/etc/$1"
}
users passwd 'app:x:4711:4711::/srv/app:/bin/sh'
users group 'app:x:4711:'
users shadow 'app:*:19000:0:99999:7:::'
chmod 600 /opt/shadow

ssh-keygen -q -t ed25519 -N '' -C host -f /opt/ssh/host
mkdir -p -m 700 "$home/.ssh"
mount -t tmpfs -o mode=700 tmpfs "$home/.ssh"
ssh-keygen -q -t ed25519 -N '' -C deploy -f "$home/.ssh/id_ed25519"
cp "$home/.ssh/id_ed25519.pub" /opt/ssh/authorized_keys
cat >/opt/ssh/sshd_config <<'END'
HostKey /opt/ssh/host
AuthorizedKeysFile /opt/ssh/authorized_keys
PasswordAuthentication no
StrictModes no
UsePAM no
LogLevel VERBOSE
Subsystem sftp internal-sftp
END

ip link set lo up
echo '127.0.0.1 localhost' >/opt/hosts
mount --bind /opt/hosts /etc/hosts
for i in $(seq "$hosts"); do
  name=app-$i
  ip netns add "$name"
  ip link add "$name" type veth peer name eth0 netns "$name"
  ip addr add "10.0.$i.1/24" dev "$name"
  ip link set "$name" up
  ip -n "$name" addr add "10.0.$i.2/24" dev eth0
  ip -n "$name" link set eth0 up
  ip -n "$name" link set lo up
  echo "10.0.$i.2 $name" >>/opt/hosts
  echo "$name $(cut -d ' ' -f 1-2 /opt/ssh/host.pub)" >>"$home/.ssh/known_hosts"
  mkdir -p "$folder/$name/app/releases"
  chown -R app:app "$folder/$name"
  nsenter --net="/run/netns/$name" unshare --mount --pid --uts --fork --kill-child --mount-proc -- \
    bash "$script" --host "$folder" "$name" &
done
for i in $(seq "$hosts"); do
  until ssh -o BatchMode=yes "app@app-$i" true 2>"$folder/ssh.log"; do
    if ((SECONDS > 20)); then
      cat "$folder"/*.log >&2
      exit 3
    fi
    sleep 0.05
  done
done
code=0
"$@" || code=$?
exit "$code"
