#!/usr/bin/env bash
# `Type=notify-reload` needs systemd 253. If the installed one is older, unpacks the one of Debian's backports into
# .systemd/ and prints that folder: with-systemd.sh lays it over /usr. Prints nothing if the installed one suffices.
set -euo pipefail

version=$(systemctl --version | sed -n '1s/^systemd \([0-9]*\).*/\1/p')
if [[ $version -ge 253 ]]; then exit 0; fi
folder=$(realpath "$(dirname "$0")/..")/.systemd
if [[ ! -d $folder/usr ]]; then
  . /etc/os-release
  mkdir -p "$folder/lists/partial" "$folder/files"
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  suite=$VERSION_CODENAME-backports
  echo "deb [signed-by=$key] http://deb.debian.org/debian $suite main" >"$folder/backports.list"
  own=(-o "Dir::Etc::sourcelist=$folder/backports.list" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$folder/lists")
  apt-get "${own[@]}" update >&2
  packages=(systemd libsystemd-shared libsystemd0)
  (cd "$folder" && apt-get "${own[@]}" download "${packages[@]/%//$suite}" >&2)
  for package in "$folder"/*.deb; do dpkg-deb -x "$package" "$folder/files"; done
  # Debian 12 still has packages with files in /bin and /lib.
  for part in bin lib; do
    if [[ -d $folder/files/$part ]]; then cp -a "$folder/files/$part" "$folder/files/usr/"; fi
  done
  mv "$folder/files/usr" "$folder/usr"
fi
echo "$folder/usr"
