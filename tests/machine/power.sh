# Builds the guest whose power is cut, and starts power_cuts.py on it. Sourced after tests/ground.sh.

source "$root/tests/machine/guest.sh"
guest_fsck=$(readlink -f /sbin/e2fsck)

# power_cuts FOLDER KARTUD OPTION...: with this program in the guest and on the host; everything is laid below FOLDER.
power_cuts() {
    local folder=$1 kartud=$2 room=$root/target/debug/examples/power-room
    # A lane keeps one of the host's processors busy.
    local guest_processors=1 guest_modules="virtio_pci virtio_blk virtio_net crc32c_generic ext4"
    shift 2
    furnish_guest
    mkdir -p "$folder"
    # Without what only a debugger reads: the guest holds everything in memory.
    strip -o "$folder/kartud" "$kartud"
    build_tree "$folder/guest" "kartud=$folder/kartud room=$room fsck=$guest_fsck; . /guest/station" \
        "$folder/kartud" "$room" "$guest_fsck"
    cp tests/machine/station "$folder/guest/root/guest/"
    pack_initrd "$folder/guest"
    cut_power "$folder" "$folder/kartud" "$room" "$@"
}

# cut_power FOLDER KARTUD ROOM OPTION...: of the guest in FOLDER.
cut_power() {
    local folder=$1 kartud=$2 room=$3 qemu
    shift 3
    qemu_command "$folder/guest/initrd" "${guest_devices[@]}"
    printf '%s\0' "${qemu[@]}" >"$folder/qemu"
    "$venv/bin/python" tests/machine/power_cuts.py --folder "$folder" --kartud "$kartud" --room "$room" "$@"
}
