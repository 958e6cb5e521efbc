#!/usr/bin/env bash
# Unpacks what the guest is made of under target/guest: a processor emulator, busybox, cpio, kmod and Debian's kernel.
# Nothing is installed on this machine (its own QEMU packages may be of another release) and its kernel stays as it is.
# Sourced by guest.sh.

guest_home=$root/target/guest
guest_tools=$guest_home/tools
guest_kernel=$guest_home/kernel
guest_packages="qemu-system-x86 busybox-static cpio kmod"

# private_apt CMD ARGS...: apt-get or apt-cache with lists and archives of its own; the machine's sources and keys.
private_apt() {
    local apt=$guest_home/apt command=$1
    shift
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    "$command" -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt" -o Dir::Cache::archives="$apt/archives" \
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$guest_home/sources.d" \
        -o Debug::NoLocking=1 -o APT::Keep-Downloaded-Packages=1 \
        -o DPkg::Post-Invoke= -o APT::Update::Post-Invoke= -o APT::Update::Post-Invoke-Success= "$@"
}

# unpack_alone NAME DIR: downloads one package, without what it depends on, and unpacks it.
unpack_alone() {
    local into=$2 download=$guest_home/download
    rm -rf "$download" && mkdir -p "$download" "$into"
    (cd "$download" && private_apt apt-get download -qq "$1" 2>/dev/null)
    dpkg -x "$download"/*.deb "$into"
    rm -rf "$download"
}

furnish_guest() {
    [ -e "$guest_home/furnished" ] && return 0
    local kernel package
    # Debian's own archive only: a backport in the machine's other sources would bring libraries that do not fit.
    mkdir -p "$guest_home/sources.d" "$guest_tools"
    cp /etc/apt/sources.list.d/debian.sources "$guest_home/sources.d/" 2>/dev/null \
        || grep -h '^deb ' /etc/apt/sources.list >"$guest_home/sources.d/debian.list"
    echo "fetching the guest's tools and kernel (about 100 MB, once)"
    private_apt apt-get update -qq
    # shellcheck disable=SC2086  # a list of words
    private_apt apt-get install -y --no-install-recommends --download-only $guest_packages >/dev/null
    for package in "$guest_home"/apt/archives/*.deb; do dpkg -x "$package" "$guest_tools"; done
    kernel=$(private_apt apt-cache depends linux-image-amd64 | awk '/Depends:/ { print $2; exit }')
    unpack_alone "$kernel" "$guest_kernel"
    echo "${kernel#linux-image-}" >"$guest_home/furnished"
}
