"""Cuts the power of virtual machines while they print, and prints what came of it; see `tests/bench/power-cuts`.

The judging is that of `tests/bench/kills`: by what came out of the printer, never by what the daemon says of it.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))

import kills  # noqa: E402  # they are found only now
import kills_lane  # noqa: E402
import kills_person  # noqa: E402
import stations  # noqa: E402

CONFIG = """
[station]
ledger = "/var/lib/kartu/ledger.db"
[http]
# The same port as the host forwards, since a station answers only who calls it by its address.
listen = "127.0.0.1:{port}"
[log]
level = "warn"
[printer]
address = "tcp://10.0.2.2:{machine}"
[product.kia]
layout = "kia1"
# Every sample is of the same child.
same_holder_days = 0
"""
DISK_BYTES = 512 << 20
# One boot in some hundred never reaches user space under the interpreter.
READY_LIMIT_S = 60  # it takes some seconds
BOOTS_MAX = 3
STOP_LIMIT_S = 60
PRINTER_DIES_TOO = 0.25
TRIALS_OF_A_LIE = 8
LOST_WITHIN_JOBS = 2
TELL_EVERY = 10  # cuts

Rig = collections.namedtuple("Rig", "room qemu ready_limit_s")


class Lane(kills_lane.Lane):
    """A virtual machine, its disk, its printer and clients."""

    def __init__(self, rig, folder, machine, number, seed, lies=False):
        super().__init__(folder, machine, number, seed)
        self.rig, self.lies = rig, lies
        # From power on to the first card.
        self.calm_s = rig.ready_limit_s / 2
        self.image = self.disk = None
        self.cuts = random.Random(f"{seed}/{number}/disk")
        self.faults = []  # what a cut must never leave behind
        self.dark = self.torn = False
        self.sectors = collections.Counter()
        self.ends = collections.Counter()

    def teach(self):
        """The first ten cards are printed on the host, whose ledger the machine then has; then it boots in peace."""
        super().teach()
        root = self.folder / "root"
        root.mkdir()
        for part in (*self.folder.glob("ledger.*"), self.folder / "holder.key"):
            shutil.copy(part, root)
        (root / "kartud.toml").write_text(CONFIG.format(port=self.port, machine=self.cable.port))
        self.image = self.folder / "disk.img"
        with open(self.image, "wb") as image:
            image.truncate(DISK_BYTES)
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-d", root, self.image], check=True)
        began = time.monotonic()
        self.start()
        self.wire()
        self.book.ready_s = self.ready_s = time.monotonic() - began
        self.book.card_s = self.card_s = self.one_card()
        self.kill()

    def one_card(self):
        """How long the machine takes for a card."""
        door, wire = self.clients[0].door, self.wire()
        began, done = time.monotonic(), self.machine.state()["hopper_cards"]
        number = next(self.book.numbers)
        self.book.accepted[number] = door.post(wire, number).name
        while self.machine.state()["hopper_cards"] == done:
            if time.monotonic() - began > self.rig.ready_limit_s:
                raise SystemExit(f"the machine prints no card; see {self.folder}/log")
            time.sleep(0.02)
        return time.monotonic() - began

    def start(self):
        if not self.image:
            return super().start()
        if self.dark:
            kills_person.pull(self.machine, "power_on")
            self.dark = False
        self.book.live()
        flags = ["--lies"] if self.lies else []
        seed = str(self.cuts.randrange(2**32))
        self.disk = subprocess.Popen([self.rig.room, "disk", "disk.img", "disk.sock", "--seed", seed, *flags],
                                     cwd=self.folder, stdout=subprocess.PIPE, text=True)
        if self.disk.stdout.readline() != "listening\n":
            raise SystemExit("the disk does not start")
        (self.folder / "console").write_text("")
        self.process = subprocess.Popen(
            [*self.rig.qemu, "-serial", "file:console", "-serial", "stdio",
             "-blockdev", "driver=nbd,node-name=disk,server.type=unix,server.path=disk.sock,"
                          "cache.direct=on,cache.no-flush=off",
             "-device", "virtio-blk-pci,drive=disk,write-cache=on,addr=5",
             "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:8631",
             "-device", "virtio-net-pci,netdev=net,romfile="],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log)

    def wire(self):
        """A connection to the station, once it answers; a machine that does not come up is switched off and on."""
        if not self.image:
            return super().wire()
        for _ in range(BOOTS_MAX):
            until = time.monotonic() + self.rig.ready_limit_s
            while time.monotonic() < until and self.process.poll() is None:
                if stations.get(self.port, "/readyz?for=intake")[0] == 200:
                    return super().wire()
                time.sleep(0.05)
            if self.is_up():
                break
            self.kill()
            self.start()
        raise SystemExit(f"the station does not get ready; see {self.folder}/log and console")

    def is_up(self):
        """Has this boot reached user space?"""
        return "GUEST-UP" in (self.folder / "console").read_text(errors="replace")

    def kill(self):
        if self.image and not self.is_up() and self.process.poll() not in (None, -signal.SIGKILL):
            self.count["died_in_the_kernel"] += 1
        else:
            super().kill()
        if self.image:
            if self.torn and self.chance.random() < PRINTER_DIES_TOO:
                kills_person.pull(self.machine, "cut_power")
                self.dark = True
                self.count["printer_died_too"] += 1
            self.end_of_disk()

    def end_of_disk(self):
        # A guest that was switched off before it had opened its disk leaves the disk waiting for a client.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as late:
            late.connect(str(self.folder / "disk.sock"))
        said, _ = self.disk.communicate(timeout=STOP_LIMIT_S)
        said = json.loads(said)
        self.ends[said["end"]] += 1
        self.sectors.update({name: said[name] for name in ("writes", "flushes", "unflushed_sectors", "kept_sectors")})

    def stop(self):
        """The evening: the station is stopped and the machine switched off in order."""
        self.start()
        self.wire()
        self.process.stdin.write(b"good night\n")
        self.process.stdin.close()
        try:
            self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            # A loaded host starves the interpreted processor until its kernel locks up: one cut more.
            self.kill()
            self.count["stuck_when_stopped"] += 1
            return
        self.end_of_disk()
        console = (self.folder / "console").read_text(errors="replace")
        if "GUEST-EXIT 0" not in console:
            raise SystemExit(f"the machine was asked to stop and did not end well: {self.folder}/console, log")
        self.count["stopped"] += 1

    def torment(self, kills, verify_every, told):
        self.torn = True
        person = super().torment(kills, verify_every, told)
        self.torn = False
        return person

    def look_after_the_kill(self):
        self.verify()
        if not self.faults:
            super().look_after_the_kill()

    def verify(self):
        """On a copy of the disk: is the file system whole, the ledger true, and no accepted job missing?"""
        copy, out = self.folder / "copy.img", self.folder / "copy"
        subprocess.run(["cp", "--sparse=always", self.image, copy], check=True)
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        # The first run puts the journal and deleted files in order, as a mount does; the second finds nothing to do.
        subprocess.run(["/sbin/e2fsck", "-p", copy], capture_output=True, check=False)
        checked = subprocess.run(["/sbin/e2fsck", "-fn", copy], capture_output=True, text=True, check=False)
        if checked.returncode:
            self.faults.append(f"the file system is broken: {checked.stdout[-300:]}")
        subprocess.run(["/sbin/debugfs", "-R", f"rdump / {out}", copy], capture_output=True, check=True)
        self.ledger = out / "ledger.db"
        done = subprocess.run([stations.KARTUD, "ledger", "verify", self.ledger], capture_output=True, text=True,
                              check=False)
        self.verified.append((done.returncode == 0, (done.stdout + done.stderr).strip()[-300:]))
        if done.returncode:
            self.faults.append(f"the ledger does not verify: {self.verified[-1][1]}")
        self.miss_none()

    def miss_none(self):
        """Every job that was answered with a yes stands in the ledger."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as ledger:
                known = {name for name, in ledger.execute("SELECT id FROM jobs")}
        except sqlite3.Error as fault:
            self.faults.append(f"the ledger cannot be read: {fault}")
            return
        with self.book.lock:
            missing = [number for number, name in self.book.accepted.items() if name not in known]
        if missing:
            self.faults.append(f"{len(missing)} of {len(self.book.accepted)} accepted jobs are not in the ledger")


def begin(rig, number, seed, slowness, folder, work, lies=False):
    """Makes a lane in an empty folder, teaches it and lets `work` have it."""
    with stations.fresh(folder) as folder:
        with stations.emulator(folder / "machine", slowness, kills_lane.MACHINE) as machine:
            lane = Lane(rig, folder, machine, number, seed, lies)
            try:
                lane.teach()
                return work(lane)
            finally:
                lane.book.ended = True
                lane.process.kill()


def honest(rig, number, cuts, seed, slowness, store):
    """One lane of cuts to its figures; what is odd is kept."""
    folder = store / f"lane{number}"

    def told(done):
        if done % TELL_EVERY == 0 or done == cuts:
            print(f"lane {number}: {done} of {cuts} cuts", file=sys.stderr, flush=True)

    def work(lane):
        began = time.monotonic()
        person = lane.torment(cuts, cuts + 1, told)
        lane.count["seconds"] = time.monotonic() - began
        figures = kills_person.settle(lane, person) | {
            "faults": lane.faults, "sectors": dict(lane.sectors), "ends": dict(lane.ends)}
        # A card is in doubt where the printer's power failed as well: only a person can look.
        if lane.faults or kills_person.is_odd(figures | {"unsure_before_looking": 0}):
            figures["kept"] = str(folder.with_name(f"kept-{seed}-{number}-{os.getpid()}"))
            shutil.copytree(folder, figures["kept"], ignore=shutil.ignore_patterns("*.sock"))
        return figures

    return begin(rig, number, seed, slowness, folder, work)


def lying(rig, number, seed, slowness, store):
    """The counter-proof: at which cut the loss was found, and what was said of it; (None, "") if none was."""

    def work(lane):
        for client in lane.clients:
            client.start()
        for trial in range(1, TRIALS_OF_A_LIE + 1):
            lane.start()
            lane.wire()
            accepted, until = len(lane.book.accepted), time.monotonic() + rig.ready_limit_s
            while len(lane.book.accepted) < accepted + LOST_WITHIN_JOBS and time.monotonic() < until:
                time.sleep(0.01)
            time.sleep(lane.chance.uniform(0, lane.card_s))
            lane.kill()
            lane.verify()
            if lane.faults:
                return trial, "; ".join(lane.faults)
        return None, ""

    return begin(rig, number, seed, slowness, store / "lying", work, lies=True)


def print_cuts(lanes):
    """What the disk did, beyond what `kills` prints."""
    sectors = kills.together(lanes, "sectors")
    count = kills.together(lanes, "count")
    lost = sectors["unflushed_sectors"] - sectors["kept_sectors"]
    kills.line("power cuts; the printer's power failed as well", f"{count['kills']} / {count['printer_died_too']}")
    kills.line("disk: writes / flushes", f"{sectors['writes']} / {sectors['flushes']}")
    kills.line("disk: sectors not flushed when it ended / lost", f"{sectors['unflushed_sectors']} / {lost}")
    print(f"  what a cut left: {kills.spread(kills.together(lanes, 'ends'))}")
    kills.line("boots that ended before user space / locked up at a stop",
               f"{count['died_in_the_kernel']} / {count['stuck_when_stopped']}")
    for lane in lanes:
        for fault in lane["faults"]:
            print(f"  AFTER A CUT: {fault}")
    return lost


def parse():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("cuts", type=int, nargs="?", default=200)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--lanes", type=int, default=os.cpu_count(), help="machines side by side, 8 at most")
    options.add_argument("--slowness", type=float, default=kills.SLOWNESS, help="of the emulated printer")
    options.add_argument("--folder", type=pathlib.Path, required=True, help="where the guest lies, and all is laid")
    options.add_argument("--kartud", type=pathlib.Path, required=True, help="the program")
    options.add_argument("--ready-limit", type=float, default=READY_LIMIT_S, help="seconds until a booted station answers")
    options.add_argument("--room", type=pathlib.Path, required=True, help="the program power-room")
    return options.parse_args()


def main():
    options = parse()
    lanes = max(1, min(options.lanes, 8, options.cuts))
    stations.KARTUD = options.kartud
    # Without disk, network and consoles, which each lane adds.
    rig = Rig(options.room, (options.folder / "qemu").read_text().split("\0")[:-1],
              options.ready_limit)
    print(f"seed {options.seed}, {lanes} lanes, slowness {options.slowness}", flush=True)
    with concurrent.futures.ProcessPoolExecutor(lanes + 1) as pool:
        lie = pool.submit(lying, rig, lanes, options.seed, options.slowness, options.folder)
        waits = [pool.submit(honest, rig, number, cuts, options.seed, options.slowness, options.folder)
                 for number, cuts in enumerate(kills.share(options.cuts, lanes))]
        ours = [wait.result() for wait in waits]
        found_at, found = lie.result()
    kills.print_table(ours, {})
    kills.print_ours(ours)
    lost_sectors = print_cuts(ours)
    print(f"  a disk that lies about flushing: {f'found at cut {found_at}: {found}' if found_at else 'NOTHING FOUND'}")
    checks = {
        "no job is lost": not kills.together(ours, "lost"),
        "no card is printed twice": not kills.together(ours, "doubles"),
        "no job stands in the ledger twice": not kills.together(ours, "twice_in_ledger"),
        "every card belongs to an accepted job": not kills.together(ours, "strangers"),
        "file system and ledger are whole after every cut, with every accepted job":
            not any(lane["faults"] for lane in ours) and all(good for lane in ours for good, _ in lane["verified"]),
        "every blank is accounted for": all(lane["left_feeder"] == lane["moved"] for lane in ours),
        "everything ends that can end": all(lane["whole"] for lane in ours),
        "a disk that lies about flushing is found out": found_at is not None,
    }
    for name, good in checks.items():
        print(f"{name} ... {'ok' if good else 'FAILED'}")
    print(f"{sum(checks.values())} passed, {len(checks) - sum(checks.values())} failed")
    print(json.dumps({
        "bench": "power-cuts", "ours": kills.wrong(ours), "peer": None, "ratio": None,
        "unit": "doubled or lost", "cuts": options.cuts, "seed": options.seed,
        "accepted": kills.together(ours, "accepted"), "cards": kills.together(ours, "good"),
        "unsure": kills.together(ours, "unsure_before_looking"), "lost_sectors": lost_sectors,
        "lie_found_at_cut": found_at,
        "seconds": round(max(lane["count"]["seconds"] for lane in ours)),
    }))
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
