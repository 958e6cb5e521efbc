#!/usr/bin/env bash
# Boots Debian's kernel in QEMU with a root of our own (busybox, a program, its libraries) and runs the program there as root.
# Sourced by tests/outside/usb, after furnish.sh.

guest_modules="vhci-hcd usblp"
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
    cp tests/usb/init "$into/init"
    [ -s "$guest_kernel/lib/modules/$version/modules.dep.bin" ] || kmod_as depmod -b "$guest_kernel" "$version" 2>/dev/null
    for module in $guest_modules; do kmod_as modprobe -d "$guest_kernel" -S "$version" --show-depends "$module"; done \
        | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
            cp "$module" "$into/modules/" && basename "$module" >>"$into/modules/list"
        done
    # Loaded when a thread ends, so ldd does not name it.
    cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$into/lib/x86_64-linux-gnu/"
}

# start_qemu LIMIT INITRD CONSOLE: the guest's standard output is ours.
start_qemu() {
    local limit=$1 accelerator=tcg processor=max
    # A /dev/kvm alone proves nothing: some hosts have one that cannot run a stock kernel.
    if grep -qwE 'vmx|svm' /proc/cpuinfo && [ -w /dev/kvm ]; then accelerator=kvm processor=host; fi
    LD_LIBRARY_PATH=$guest_libraries QEMU_MODULE_DIR=$guest_tools/usr/lib/x86_64-linux-gnu/qemu exec \
        timeout -k 5 "$limit" "$guest_tools/usr/bin/qemu-system-x86_64" \
        -L "$guest_tools/usr/share/qemu" -L "$guest_tools/usr/share/seabios" -L "$guest_tools/usr/lib/ipxe/qemu" \
        -M pc,usb=off -accel "$accelerator" -cpu "$processor" -smp 2 -m 768 \
        -nodefaults -no-user-config -display none -no-reboot -serial "file:$3" -serial stdio \
        -kernel "$guest_home/vmlinux" -initrd "$2" \
        -append "console=ttyS0 panic=-1 quiet loglevel=4 mitigations=off nokaslr notsc tsc=unstable clocksource=hpet random.trust_cpu=on" \
        </dev/null
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

# in_guest LIMIT PROGRAM [FILE...]: runs PROGRAM in the guest, with FILEs at the places they have here, named in GUEST_FILES;
# its exit code is ours.
in_guest() {
    local limit=$1 program=$2 run=$guest_home/run file code
    shift 2
    [ -s "$guest_home/vmlinux" ] || python3 tests/usb/unpack_kernel.py \
        "$guest_kernel/boot/vmlinuz-$(<"$guest_home/furnished")" "$guest_home/vmlinux"
    rm -rf "$run" && mkdir -p "$run/root"
    build_root "$run/root"
    for file in "$program" "$@"; do bring "$file" "$run/root"; done
    echo "GUEST_FILES='$(readlink -f "$@")' exec $(readlink -f "$program") $GUEST_ARGUMENTS" >"$run/root/guest/command"
    (cd "$run/root" && find . -print0 | with_libraries "$guest_tools/bin/cpio" -0 -o -H newc --quiet -R 0:0) >"$run/initrd"
    boot "$limit" "$run/initrd" "$run/console"
    code=$(tr -d '\r' <"$run/console" | sed -n 's/^GUEST-EXIT //p')
    if [ -z "$code" ]; then
        echo "the guest ended without an exit code; the last of its console:" >&2
        tail -20 "$run/console" >&2
        code=125
    fi
    return "$code"
}
