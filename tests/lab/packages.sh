#!/bin/sh
# Installs what the project needs of the system it is developed on. Changes nothing when all of it is there.
set -eu

packages='
    attr btrfs-progs busybox debian-archive-keyring e2fsprogs fdisk git iproute2 lvm2 make mmdebstrap
    openssh-client python3 python3-venv qemu-system-x86 qemu-utils rsync uidmap util-linux xfsdump xfsprogs zstd
'

if ! command -v dpkg >/dev/null; then
    printf 'Please install what your distribution calls:\n%s\n' "$packages" >&2
    exit 1
fi

missing=
for package in $packages; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok installed$' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Please install:$missing" >&2
        exit 1
    fi
    root=sudo
fi
# The lists are fetched only if the ones here don't know the packages, or know files that the archive no longer has.
# shellcheck disable=SC2086 # words
install() { $root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $missing; }
install || { $root apt-get update -qq && install; }
