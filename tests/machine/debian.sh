# Makes the root disk of the Debian that is booted whole, with its own systemd, udev and pcscd, and an initrd that lays the
# files of one run over it. Sourced after tests/ground.sh.

source "$root/tests/machine/power.sh"
debian_modules="virtio_pci virtio_blk virtio_net crc32c_generic ext4 vhci-hcd usblp"
debian_memory=1024
debian_disk=$guest_home/debian.img
debian_packages="ca-certificates curl dbus iproute2 jq libccid libpcsclite1 pcscd systemd-sysv udev vsmartcard-vpcd"

# furnish_debian: the disk, once; whoever changes the packages deletes it.
furnish_debian() {
    furnish_guest
    [ -s "$debian_disk" ] && return 0
    local rootfs=$guest_home/debian
    echo "making a Debian (about 90 MB to fetch, once)"
    as_root rm -rf "$rootfs"
    as_root mmdebstrap --quiet --variant=minbase --include="${debian_packages// /,}" bookworm "$rootfs" \
        "$guest_home"/sources.d/*
    as_root rm -rf "$rootfs"/var/cache/apt/* "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/{doc,locale,man}/*
    # A name that no network answers for, and a disk that is not looked at by fsck at every boot.
    as_root sh -c "echo kartu-machine >'$rootfs/etc/hostname'; : >'$rootfs/etc/fstab'"
    rm -f "$debian_disk.new"
    truncate -s 1G "$debian_disk.new"
    as_root /sbin/mke2fs -q -t ext4 -d "$rootfs" "$debian_disk.new"
    as_root chmod 0644 "$debian_disk.new"
    as_root rm -rf "$rootfs"
    mv "$debian_disk.new" "$debian_disk"
}

# lay_station OVERLAY PROGRAM UNITS: the files of an installed station, where a package puts them.
lay_station() {
    local overlay=$1 program=$2 units=$3 lib=$1/usr/lib unit
    rm -rf "$overlay"
    mkdir -p "$overlay"/{opt/machine,etc/kartu,etc/systemd/system/multi-user.target.wants,usr/bin} \
        "$lib"/{systemd/system,systemd/system-preset,sysusers.d,udev/rules.d}
    strip -o "$overlay/usr/bin/kartud" "$program"
    for unit in "$units"/kartud*.{service,socket}; do [ ! -e "$unit" ] || cp "$unit" "$lib/systemd/system/"; done
    cp "$units"/*.preset "$lib/systemd/system-preset/"
    cp "$units/kartu.sysusers" "$lib/sysusers.d/kartu.conf"
    for unit in "$units"/[0-9]*.rules; do [ ! -e "$unit" ] || cp "$unit" "$lib/udev/rules.d/"; done
}

# lay_unit OVERLAY NAME...: units of the trial, started at boot.
lay_unit() {
    local overlay=$1 unit
    shift
    for unit in "$@"; do
        cp "tests/machine/units/$unit" "$overlay/etc/systemd/system/"
        ln -s "../$unit" "$overlay/etc/systemd/system/multi-user.target.wants/"
    done
}

# build_debian RUN OVERLAY: RUN/initrd boots the Debian with the files of OVERLAY, which belong to root there. Its disk
# forgets what was written.
build_debian() {
    guest_modules=$debian_modules guest_memory=$debian_memory
    build_tree "$1" true "$guest_fsck"
    echo "$guest_fsck" >"$1/root/guest/fsck"
    cp tests/machine/debian "$1/root/guest/"
    cp -a "$2" "$1/root/guest/overlay"
    pack_initrd "$1"
    guest_append="net.ifnames=0 systemd.show_status=0 systemd.log_level=warning"
    # Disks are named in the order of their addresses.
    guest_devices=(-drive "file=$debian_disk,format=raw,if=none,id=root,snapshot=on"
        -device virtio-blk-pci,drive=root,addr=4)
}

# try_debian FORM PROGRAM FIRST SECOND: tries a station there, see tests/machine/inside: the package FIRST, and SECOND as its
# upgrade. PROGRAM, with PC/SC, is the emulated printer. FORM: short, or full with the figures.
try_debian() {
    local run=$root/target/machine overlay=$root/target/machine/overlay
    rm -rf "$overlay"
    mkdir -p "$overlay"/{opt/machine/jobs,etc/systemd/system/multi-user.target.wants}
    strip -o "$overlay/opt/machine/kartud" "$2"
    cp "$3" "$overlay/opt/machine/first.deb"
    cp "$4" "$overlay/opt/machine/second.deb"
    echo "$1" >"$overlay/opt/machine/form"
    lay_unit "$overlay" machine-test.service
    cp tests/machine/units/{card,printer}.service "$overlay/etc/systemd/system/"
    cp tests/machine/{inside,life,card.toml} README.md config/chips/ntag.toml "$overlay/opt/machine/"
    "$venv/bin/python" tests/machine/jobs.py 20 "$overlay/opt/machine/jobs"
    build_debian "$run/guest" "$overlay"
    # It takes 9 minutes on two quiet cores; more than twice that is a machine that hangs.
    boot_to_exit 1500 "$run/guest"
}

# older_package PACKAGE: the same under a lower version, packed fast; prints its name.
older_package() {
    local folder=$root/target/machine/older
    rm -rf "$folder" "$folder.deb"
    mkdir -p "${folder%/*}"
    dpkg-deb -R "$1" "$folder"
    sed -i 's/^Version: .*/Version: 0.0.1/' "$folder/DEBIAN/control"
    dpkg-deb --root-owner-group -Zgzip -z1 -b "$folder" "$folder.deb" >&2
    rm -rf "$folder"
    echo "$folder.deb"
}

# cut_debian FOLDER PROGRAM UNITS OPTION...: cuts its power. The ledger is on a disk of its own, which is the one that
# loses what was not flushed; the printer is on the network, so that it outlives the machine.
cut_debian() {
    local folder=$1 room=$root/target/debug/examples/power-room overlay=$1/overlay
    lay_station "$overlay" "$2" "$3"
    shift 3
    lay_unit "$overlay" relay.service
    cp "$room" "$overlay/opt/machine/"
    ln -s /var/lib/kartu/kartud.toml "$overlay/etc/kartu/"
    ln -s /usr/lib/systemd/system/kartud.service "$overlay/etc/systemd/system/multi-user.target.wants/"
    mkdir -p "$overlay/etc/systemd/system/"{kartud.service.d,sockets.target.wants}
    ln -s /usr/lib/systemd/system/kartud.socket "$overlay/etc/systemd/system/sockets.target.wants/"
    printf '[Service]\nIPAddressAllow=10.0.2.2\n' >"$overlay/etc/systemd/system/kartud.service.d/printer.conf"
    build_debian "$folder/guest" "$overlay"
    cut_power "$folder" "$overlay/usr/bin/kartud" "$room" --ready-limit 240 "$@"
}
