# The life of the package on a system: installed, begun, upgraded, removed, purged. Sourced by tests/outside/package, in
# namespaces of its own; everything that is written goes into memory.

name='KENARI XYLOPHONA QUETZAL' nik=1301050704159876
system=$place/system
mkdir "$system"
mount -t tmpfs tmpfs "$system"
mkdir "$system"/{up,work,root}
mount -t overlay overlay -o "lowerdir=/,upperdir=$system/up,workdir=$system/work" "$system/root"
mount -t proc proc "$system/root/proc"
# Devices of its own: nothing that is done there reaches those of this machine.
mount -t tmpfs tmpfs "$system/root/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 "$system/root/dev/${device%:*}" c 1 "${device#*:}"; done
mknod -m 666 "$system/root/dev/tty" c 5 0
ln -s /proc/self/fd "$system/root/dev/fd"
mkdir "$system/root/dev/shm"
# Without /run/systemd/system no script finds a systemd to speak with.
mount -t tmpfs tmpfs "$system/root/run"
mount -t tmpfs tmpfs "$system/root/tmp"
ip link set lo up 2>/dev/null || true

# here CMD...: on that system.
here() { LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$system/root" "$@"; }
as_station() { here runuser -u kartu -- "$@"; }
state() { here find "${1:-/var/lib/kartu}" -type f -exec sha256sum {} + | sort; }
is_mode() { same "$(here stat -c '%a %U:%G' "$1")" "$2"; }
enabled() { [ -L "$system/root/etc/systemd/system/multi-user.target.wants/kartud.service" ]; }
# traces: what of the child lies anywhere on the disk.
traces() {
    python3 - "$system/up" "$place/photo" "$name" "$nik" <<'END'
import pathlib, sys
photo = pathlib.Path(sys.argv[2]).read_bytes()
wanted = [text.encode() for text in sys.argv[3:]] + [photo[len(photo) // 2:][:24]]
for file in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
    if file.is_file() and not file.is_symlink():
        there = file.read_bytes()
        for at, one in enumerate(wanted):
            if one in there:
                print(file, "has", ("the name", "the number", "the photo")[at])
END
}

cp "$package" "$system/root/tmp/first.deb"
dpkg-deb -R "$package" "$system/newer"
sed -i 's/^Version: .*/&+newer/' "$system/newer/DEBIAN/control"
dpkg-deb --root-owner-group -b "$system/newer" "$system/root/tmp/second.deb" >/dev/null
rm -rf "$system/newer"

# ---- installed ----
ok "it is installed" here dpkg --no-triggers -i /tmp/first.deb
ok "the station has a user without a login" grep -q '^kartu:.*nologin$' "$system/root/etc/passwd"
ok "its folder is its own" is_mode /var/lib/kartu "700 kartu:kartu"
ok "no key and no ledger is made by a script" same "$(state)" ""
ok "the station is enabled" enabled
ok "and so is its socket" test -L "$system/root/etc/systemd/system/sockets.target.wants/kartud.socket"

# ---- begun ----
ok "the unit's init makes a ledger and a key" as_station kartud init --unattended
ok "the key is the station's alone" is_mode /var/lib/kartu/holder.key "600 kartu:kartu"
begun=$(state)
ok "a person is asked, and answers" bash -c 'printf "KOTA PADANG\n" | LC_ALL=C.UTF-8 script -qec "chroot $1 kartud init --printer none" /dev/null' bash "$system/root"
ok "the office is the one that was named" grep -q '^kabupaten = "PADANG"' "$system/root/etc/kartu/office.toml"
ok "root's profile is readable for the station" is_mode /etc/kartu/office.toml "640 root:kartu"
ok "the printer's address is written" here kartud init --yes --printer emulated
ok "the configuration stays readable for all" is_mode /etc/kartu/kartud.toml "644 root:root"
ok "what was there is as it was" same "$(state)" "$begun"
sed -i 's|^folder = "cards"|folder = "/var/lib/kartu/cards"|; s|^slowness = 1.0|slowness = 0.0|' "$system/root/etc/kartu/kartud.toml"
ok "the station can read all of it" as_station kartud check-config

# ---- at work: one card is printed, one job waits ----
cp tests/jpeg/portraits/ordinary.jpg "$place/photo"
cp "$place/photo" "$system/root/tmp/photo.jpg"
python3 - "$system/root/tmp" "$name" "$nik" <<'END'
import copy, datetime, json, sys
job = json.load(open("config/job.example.json"))
sample = json.load(open("config/kia-samples.json"))["children"][1]
job["fields"] = {key: sample[key] for key in sample if key in job["fields"]} | {"nama": sys.argv[2], "nik": sys.argv[3]}
# The district is one of the sample office, the wall that of another sample.
job["recommendation"]["peringatan_disetujui"] = ["W_DISTRICT_UNKNOWN", "W_PHOTO_BACKGROUND"]
old = copy.deepcopy(job)
old["ref"] += "-OLD"
old["recommendation"]["nomor"] += "-OLD"
today = datetime.datetime.now(datetime.timezone.utc).astimezone(datetime.timezone(datetime.timedelta(hours=7)))
job["fields"]["tgl_terbit"] = today.date().isoformat()
for name in ("new", "old"):
    with open(f"{sys.argv[1]}/{name}.json", "w") as out:
        json.dump({"new": job, "old": old}[name], out)
END
# Nothing stands between this shell and the station, so that a signal reaches it.
LC_ALL=C.UTF-8 /usr/sbin/chroot --userspec=kartu:kartu "$system/root" kartud run --config /etc/kartu/kartud.toml >"$place/log" 2>&1 &
station=$!
until here kartud status >/dev/null 2>&1; do kill -0 "$station" || { cat "$place/log"; exit 1; }; sleep 0.1; done
ok "a job is taken in" here kartud submit /tmp/new.json --photo /tmp/photo.jpg
ok "another one waits for a person" here kartud submit /tmp/old.json --photo /tmp/photo.jpg
rm "$system"/root/tmp/*.json
tries=0
until here kartud jobs | grep -q ' printed '; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { here kartud jobs; exit 1; }
    sleep 0.1
done
ok "a card came out" bash -c 'ls "$1"/var/lib/kartu/cards/*front*' bash "$system/root"

# ---- upgraded under the running station ----
ok "the administrator has it started by hand" here systemctl disable kartud.service
ok "a newer one is installed over it" here dpkg --no-triggers -i /tmp/second.deb
ok "the station goes on" here kartud status
ok "what was disabled stays disabled" not enabled
ok "what was configured stays" grep -q 'address = "emulated"' "$system/root/etc/kartu/kartud.toml"
kill "$station"
ok "the station ends in order" wait "$station"
worked=$(state)
ok "an upgrade touches nothing of a station" here dpkg --no-triggers -i /tmp/first.deb
ok "not a byte" same "$(state)" "$worked"

# ---- removed ----
install -D -m 600 /dev/null "$system/root/etc/credstore.encrypted/kartu.document"
ok "it is removed" here dpkg --no-triggers -r kartud
ok "the program is gone" not test -e "$system/root/usr/bin/kartud"
ok "everything else is kept" same "$(state)" "$worked"
ok "the configuration, too" test -e "$system/root/etc/kartu/kartud.toml"
traces >"$place/before"
for what in "the name" "the number" "the photo"; do ok "$what lay on the disk until now" grep -q "$what" "$place/before"; done

# ---- purged ----
purge() { here dpkg --no-triggers -P kartud >"$place/purge" 2>&1 || { cat "$place/purge"; return 1; }; }
ok "it is purged" purge
kept=$(cd "$system/root" && echo var/lib/kartu-ledger-kept-*)
ok "it says where the ledgers are" grep -qF "/$kept;" "$place/purge"
ok "nobody but root looks at them" is_mode "/$kept" "700 root:root"
ok "the ledger is kept" test -s "$system/root/$kept/kartu/ledger.db"
ok "it verifies" target/debug/kartud ledger verify "$system/root/$kept/kartu/ledger.db"
ok "its lines tell of the card" bash -c 'target/debug/kartud ledger export "$1" | grep -q "\"event\":\"card_out\""' bash "$system/root/$kept/kartu/ledger.db"
ok "whoever waits for a card can be told" grep -q '1301-2026-100-OLD' "$system/root/$kept/erased.txt"
ok "and how to remove them" grep -qF "rm -r /$kept" "$system/root/$kept/README.txt"
ok "no name, no number and no byte of a photo lies anywhere" same "$(traces)" ""
ok "neither do keys and pictures" same "$(cd "$system/root/$kept" && find . -type f | sort | tr '\n' ' ')" \
    "./README.txt ./erased.txt ./kartu/ledger.db ./kartu/ledger.head "
for gone in /var/lib/kartu /var/lib/kartu-purge /etc/kartu /etc/credstore.encrypted/kartu.document; do
    ok "$gone is gone" not test -e "$system/root$gone"
done

# ---- a ledger that nobody can trust is not touched by a script ----
ok "it is installed once more" here dpkg --no-triggers -i /tmp/first.deb
ok "a station begins anew" as_station kartud init --unattended
printf 'damaged' | dd of="$system/root/var/lib/kartu/ledger.db" bs=1 seek=20 conv=notrunc status=none
broken=$(here sha256sum /var/lib/kartu/ledger.db | cut -d ' ' -f 1)
ok "it is purged again" purge
ok "a second purge overwrites no first" test -d "$system/root/$kept.1/kartu-NOT-ERASED"
ok "the file is as it was" same "$(sha256sum "$system/root/$kept.1/kartu-NOT-ERASED/ledger.db" | cut -d ' ' -f 1)" "$broken"
ok "that is said" grep -q 'PERSONAL DATA AND KEYS ARE STILL IN IT' "$place/purge"
ok "and why" grep -q 'ledger' "$system/root/$kept.1/erased.txt"
