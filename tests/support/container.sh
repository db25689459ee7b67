#!/bin/bash
# Runs a command as a container would: with a root folder, a host name and processes of its own, as a user that has
# no rights, with 64 MB of shared memory.
#
#     unshare --mount --ipc --uts --pid --fork container.sh ROOT NAME UID FOLDER SOURCE:TARGET… -- COMMAND…
#
# The root folder contains this machine's operating system, what is mounted, and nothing else.
set -euo pipefail

root=$1 name=$2 user=$3 folder=$4
shift 4

bind() { # a file or folder at another path of the container; a link is copied
    local target=$root$2
    mkdir -p "$(dirname "$target")"
    if [[ -L $1 ]]; then
        cp --no-dereference "$1" "$target"
    else
        if [[ -d $1 ]]; then mkdir -p "$target"; else [[ -e $target ]] || touch "$target"; fi
        mount --bind "$1" "$target"
    fi
}

temporary() { # a folder in memory
    mkdir -p "$root$1"
    mount -t tmpfs -o "$2" tmpfs "$root$1"
}

hostname "$name"
temporary / mode=755
for each in /bin /sbin /lib /lib64 /usr /etc; do
    bind "$each" "$each"
done
temporary /usr/local mode=755 # for the image's /usr/local/airflow
for each in /usr/local/*; do
    bind "$each" "$each"
done
for each in null zero full random urandom tty; do
    bind "/dev/$each" "/dev/$each"
done
ln -s /proc/self/fd "$root/dev/fd"
temporary /dev/shm mode=1777,size=64m
temporary /tmp mode=1777
temporary /var/tmp mode=1777
mkdir "$root/proc"
mount -t proc proc "$root/proc"
while [[ $1 != -- ]]; do
    bind "${1%%:*}" "${1#*:}"
    shift
done
shift

exec chroot --userspec="$user:0" --groups=0 "$root" env --chdir="$folder" "$@"
