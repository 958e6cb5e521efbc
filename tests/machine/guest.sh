#!/usr/bin/env bash
# Boots Debian's kernel in QEMU with a root of our own (busybox, a program, its libraries) and runs the program there as root.
# Sourced after tests/ground.sh by what needs a virtual machine.

source "$root/tests/machine/furnish.sh"
# The kernel's modules that the guest loads, its processors, its megabytes, and more words for its kernel.
guest_modules=
guest_processors=2
guest_memory=768
guest_append=
guest_devices=()
# A boot takes 2 to 4 s; one in some hundred never reaches user space under the interpreter, and is begun again.
boot_limit=30
# Words for the program; here the tests of which only those are run whose name has one in it.
GUEST_ARGUMENTS=${GUEST_ARGUMENTS:-}

guest_libraries=$guest_tools/lib/x86_64-linux-gnu:$guest_tools/usr/lib/x86_64-linux-gnu

# with_libraries CMD...: a tool out of the unpacked packages, on their libraries.
with_libraries() { LD_LIBRARY_PATH=$guest_libraries "$@"; }

# kmod_as NAME ARGS...: kmod is many tools by its name.
kmod_as() { (export LD_LIBRARY_PATH=$guest_libraries; name=$1; shift; exec -a "$name" "$guest_tools/bin/kmod" "$@"); }

# bring FILE INTO: a file and, if it is a program, the libraries that it needs.
bring() {
    local file into=$2 library
    file=$(readlink -f "$1")
    mkdir -p "$into${file%/*}" && cp "$file" "$into$file"
    { ldd "$file" 2>/dev/null || true; } | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }' \
        | while read -r library; do mkdir -p "$into${library%/*}" && cp -L "$library" "$into$library"; done
}

# build_root INTO: everything but the program.
build_root() {
    local into=$1 version module
    version=$(<"$guest_home/furnished")
    mkdir -p "$into"/{bin,dev,proc,sys,tmp,modules,guest,lib/x86_64-linux-gnu}
    cp "$guest_tools/bin/busybox" "$into/bin/" && ln -s busybox "$into/bin/sh"
    cp tests/machine/init "$into/init"
    [ -s "$guest_kernel/lib/modules/$version/modules.dep.bin" ] || kmod_as depmod -b "$guest_kernel" "$version" 2>/dev/null
    for module in $guest_modules; do kmod_as modprobe -d "$guest_kernel" -S "$version" --show-depends "$module"; done \
        | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
            cp "$module" "$into/modules/" && basename "$module" >>"$into/modules/list"
        done
    # Loaded when a thread ends, so ldd does not name it.
    cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$into/lib/x86_64-linux-gnu/"
}

# qemu_command INITRD WORD...: puts the command that starts the guest into the array `qemu`; it replaces itself by QEMU.
qemu_command() {
    local initrd=$1 accelerator=tcg processor=max
    shift
    # A /dev/kvm alone proves nothing: some hosts have one that cannot run a stock kernel.
    if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then accelerator=kvm processor=host; fi
    # A host under load sends the timer's first ticks late, and the kernel would give up: no_timer_check.
    qemu=(env "LD_LIBRARY_PATH=$guest_libraries" "QEMU_MODULE_DIR=$guest_tools/usr/lib/x86_64-linux-gnu/qemu"
        "$guest_tools/usr/bin/qemu-system-x86_64"
        -L "$guest_tools/usr/share/qemu" -L "$guest_tools/usr/share/seabios" -L "$guest_tools/usr/lib/ipxe/qemu"
        -M pc,usb=off -accel "$accelerator" -cpu "$processor" -smp "$guest_processors" -m "$guest_memory"
        -nodefaults -no-user-config -display none -no-reboot -kernel "$guest_home/vmlinux" -initrd "$initrd"
        -append "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr notsc tsc=unstable clocksource=hpet no_timer_check random.trust_cpu=on $guest_append"
        "$@")
}

# start_qemu LIMIT INITRD CONSOLE: the guest's standard output is ours; `guest_devices` are more words for QEMU.
start_qemu() {
    qemu_command "$2" -serial "file:$3" -serial stdio "${guest_devices[@]}"
    exec timeout -k 5 "$1" "${qemu[@]}" </dev/null
}

# boot LIMIT INITRD CONSOLE: a guest that has not reached user space cannot have begun the program, and may be begun again.
boot() {
    local began qemu try
    for try in 1 2 3; do
        : >"$3"
        start_qemu "$@" &
        qemu=$! began=$SECONDS
        while kill -0 $qemu 2>/dev/null && ! grep -q GUEST-UP "$3"; do
            if [ $((SECONDS - began)) -ge $boot_limit ]; then
                echo "the guest did not reach user space in $boot_limit s (try $try of 3)" >&2
                kill $qemu && wait $qemu || true
                continue 2
            fi
            sleep 0.2
        done
        wait $qemu
        return 0
    done
}

# build_tree RUN COMMAND FILE...: RUN/root, with the FILEs at the places they have here; the guest runs the line COMMAND.
build_tree() {
    local run=$1 command=$2 file
    shift 2
    [ -s "$guest_home/vmlinux" ] || python3 tests/machine/unpack_kernel.py \
        "$guest_kernel/boot/vmlinuz-$(<"$guest_home/furnished")" "$guest_home/vmlinux"
    rm -rf "$run" && mkdir -p "$run/root"
    build_root "$run/root"
    for file in "$@"; do bring "$file" "$run/root"; done
    echo "$command" >"$run/root/guest/command"
}

# pack_initrd RUN: RUN/initrd out of RUN/root.
pack_initrd() {
    (cd "$1/root" && find . -print0 | with_libraries "$guest_tools/bin/cpio" -0 -o -H newc --quiet -R 0:0) >"$1/initrd"
}

# in_guest LIMIT PROGRAM [FILE...]: runs PROGRAM in the guest, with FILEs named in GUEST_FILES; its exit code is ours.
in_guest() {
    local limit=$1 program=$2 run=$guest_home/run
    shift 2
    build_tree "$run" "GUEST_FILES='$(readlink -f "$@")' exec $(readlink -f "$program") $GUEST_ARGUMENTS" "$program" "$@"
    pack_initrd "$run"
    boot_to_exit "$limit" "$run"
}

# boot_to_exit LIMIT RUN: boots RUN/initrd; the exit code that the guest tells is ours.
boot_to_exit() {
    local run=$2 code
    boot "$1" "$run/initrd" "$run/console"
    code=$(tr -d '\r' <"$run/console" | sed -n 's/^.*GUEST-EXIT //p')
    if [ -z "$code" ]; then
        echo "the guest ended without an exit code; the last of its console:" >&2
        tail -20 "$run/console" >&2
        code=125
    fi
    return "$code"
}
