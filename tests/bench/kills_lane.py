"""One lane of our side: a kartud that is killed again and again, its clients, and a printer that lives on.

Counts by what came out of the printer, never by what the daemon says of it.
"""

import collections
import contextlib
import datetime
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import subprocess
import time

import kills_person
import stations
from kills_client import Answer, Book, Client, ask, moments
from kills_person import BLANKS
from kills_tray import TEACHERS, Tray
from kills_wire import Wire

CLIENTS = 2
MACHINE = ["--blanks", BLANKS, "--feeder-limit", BLANKS, "--hopper-limit", BLANKS, "--reject-box-limit", BLANKS,
           "--ribbon-capacity", BLANKS, "--cleaning-advised-after", BLANKS, "--cleaning-mandatory-after", BLANKS]
CONFIG = stations.KARTUD_CONFIG + """
[printer]
address = "tcp://127.0.0.1:{machine}"
[product.kia]
layout = "kia1"
# Every sample is of the same child.
same_holder_days = 0
"""
SAMPLES = stations.ROOT / "config/kia-samples.json"
NOT_FIELDS = {"id", "case", "latar", "jenis_kia", "berlaku_hingga"}
TEACH_LIMIT_S = 60
STOP_EVERY = 25  # kills
STOP_LIMIT_S = 60
# It says that it is ready before it listens to SIGTERM.
STOP_AFTER_S = 0.2
# What the events tell of cards that nobody saw.
ROWS = [("settled", "detail ->> '$.evidence.row'", "detail ->> '$.evidence.row' IS NOT NULL"),
        ("left", "detail ->> '$.row'", "event = 'left_to_a_person'"),
        ("steps", "event", "event IN ('lose_sight', 'come_to_rest', 'reject', 'recovery_failed')")]
ENDS = {"printed", "handed_over", "cancelled", "spoiled", "expired"}


class Door:
    """Speaks to kartud. The sample child of kind A, whose card has no photo; the address carries the job's number."""

    def __init__(self, chance):
        self.chance = chance
        child = next(c for c in json.loads(SAMPLES.read_text())["children"] if c["id"] == "S1")
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        self.fields = {name: value for name, value in child.items() if name not in NOT_FIELDS}
        self.fields["tgl_terbit"] = now.date().isoformat()
        self.papers = [{"kind": kind, "sha256": hashlib.sha256(kind.encode()).hexdigest()} for kind in ("KK", "AKTA")]
        self.recommendation = {
            "keputusan": "SETUJU", "pada": now.isoformat(),
            "oleh": {"nama": "CONTOH KASI", "nip": "197001011995011999", "jabatan": "KASI IDENTITAS PENDUDUK"},
            "kadaluarsa": (now + datetime.timedelta(days=7)).isoformat(),
            "daftar_periksa": {"kk": True, "akta": True, "foto": True, "data_cocok": True},
        }

    def waiting(self, wire):
        jobs = ask(wire, "GET", "/v1/station")[1]["jobs"]
        return sum(jobs[state] for state in ("received", "queued", "claimed", "composed"))

    def job(self, number):
        fields = self.fields | {"alamat": f"JL. CONTOH NO. {number:07}"}
        return {"product": "kia", "ref": f"KILLS/{number:07}", "reason": "BARU", "fields": fields,
                "attachments": self.papers, "recommendation": self.recommendation | {"nomor": f"400/{number}/BENCH"}}

    def post(self, wire, number):
        # Half of the jobs are looked at after the answer, so that some are found `received`.
        headers = {"Content-Type": "application/json", "Idempotency-Key": f"K{number:07}"}
        headers |= {"Prefer": "respond-async"} if self.chance.random() < 0.5 else {}
        wire.request("POST", "/v1/jobs", json.dumps(self.job(number)), headers)
        answer = wire.getresponse()
        said = json.loads(answer.read())
        if answer.status == 201:
            return Answer(True, said["id"], answer.getheader("Idempotency-Replayed") is not None)
        return Answer(False, f"{answer.status} {said.get('code', '')}")


class Lane:
    """Daemon, printer, tray and clients, and what was counted."""

    # So long a card may take to begin after a start in peace, before a person lays hands on the printer.
    calm_s = 4

    def __init__(self, folder, machine, number, seed):
        self.folder, self.machine = folder, machine
        self.port = stations.free_port()
        self.cable = Wire(machine.port)
        self.cable.start()
        (folder / "kartud.toml").write_text(CONFIG.format(port=self.port, machine=self.cable.port))
        self.ledger = folder / "ledger.db"
        self.log = open(folder / "log", "ab")
        self.chance = random.Random(f"{seed}/{number}/kills")
        self.book = Book(number * 1_000_000 + 1, self.chance)
        self.clients = [Client(Door(random.Random(f"{seed}/{number}/{n}")), self.port, self.book,
                               random.Random(f"{seed}/{number}/pace/{n}")) for n in range(CLIENTS)]
        self.tray = Tray(folder / "machine")
        self.process = None
        self.count = collections.Counter()
        self.found = collections.Counter()  # states in which jobs were found at a restart
        self.at_work = collections.Counter()  # what the printer did when the daemon was killed
        self.held = collections.Counter()  # for what jobs were held back
        self.verified = []
        self.ready_s = self.card_s = None

    def start(self):
        command = [stations.KARTUD, "run", "--new-ledger", "--config", self.folder / "kartud.toml"]
        self.book.live()
        self.process = subprocess.Popen([str(word) for word in command], stdout=self.log, stderr=self.log)

    def kill(self):
        if self.process.poll() not in (None, -signal.SIGKILL):
            raise SystemExit(f"kartud ended by itself with {self.process.returncode}: {self.folder}/log")
        self.process.kill()
        self.process.wait()

    def stop(self):
        """The evening: the daemon is asked to stop, and puts the ledger's log away, which would else grow for ever."""
        self.start()
        self.wire()
        time.sleep(STOP_AFTER_S)
        self.process.terminate()
        ended = self.process.wait(STOP_LIMIT_S)
        if ended not in (0, -signal.SIGTERM):
            raise SystemExit(f"kartud was asked to stop and ended with {ended}: {self.folder}/log")
        self.count["stopped" if ended == 0 else "too_early_to_stop"] += 1

    def cut(self):
        """By the cable, in a thread of its own."""
        os.kill(self.process.pid, signal.SIGKILL)

    def teach(self):
        """The first ten cards, in peace: how digits look, and how long a card takes."""
        self.start()
        door, wire = Door(random.Random(0)), self.wire()
        began = time.monotonic()
        for number in TEACHERS:
            answer = door.post(wire, number)
            if not answer.accepted:
                raise SystemExit(f"kartud refuses the sample: {answer.name}; see {self.folder}/log")
            self.book.accepted[number] = answer.name
        while ask(wire, "GET", "/v1/station")[1]["jobs"]["printed"] < len(TEACHERS):
            if time.monotonic() - began > TEACH_LIMIT_S:
                raise SystemExit(f"the first cards do not come out; see {self.folder}/log")
            time.sleep(0.01)
        self.card_s = (time.monotonic() - began) / len(TEACHERS)
        self.kill()
        # The first start makes the ledger; those that follow are quicker.
        began = time.monotonic()
        self.start()
        self.wire()
        self.ready_s = time.monotonic() - began
        self.kill()
        self.book.ready_s, self.book.card_s = self.ready_s, self.card_s
        self.tray.learn()
        self.tray.start()

    def wire(self):
        """A connection to the daemon, once it listens."""
        until = time.monotonic() + stations.READY_LIMIT_S
        while stations.get(self.port, "/readyz?for=intake")[0] != 200:
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit(f"kartud does not get ready; its words are in {self.folder}/log")
            time.sleep(0.002)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def torment(self, kills, verify_every, told):
        for client in self.clients:
            client.start()
        person = kills_person.Person(self)
        for number, moment in enumerate(moments(self.chance, self.book, kills), 1):
            began = time.monotonic()
            if moment.cut:
                self.cable.arm(moment.cut, self.cut)
            self.start()
            moment.wait_for(self.book, began, self.cable)
            self.kill()
            self.count["kills"] += 1
            self.count["before_ready"] += self.book.life not in self.book.lives_answered
            self.look_after_the_kill()
            person.passes_by()
            if number % STOP_EVERY == 0:
                self.stop()
            if number % verify_every == 0:
                self.verify()
            told(number)
        self.count["hand"] = person.taken_out
        return person

    def look_after_the_kill(self):
        """In which states the next start will find jobs, and what the printer is at."""
        machine = self.machine.state()["machine"]
        with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as ledger:
            for state, jobs in ledger.execute("SELECT state, count(*) FROM jobs GROUP BY state"):
                if state not in ENDS | {"unsure", "held"}:
                    self.found[state] += jobs
        place = "prints" if machine["printing"] else "holds a job" if machine["claim"] else \
            "holds a card" if machine["card"] else "is at rest"
        self.at_work[place] += 1

    def rows(self):
        """How doubts were settled and what was left to a person, by the rows of the table of recovery: how often."""
        rows = {}
        with contextlib.closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as ledger:
            for name, row, condition in ROWS:
                found = ledger.execute(f"SELECT {row}, count(*) FROM events WHERE {condition} GROUP BY 1")
                rows[name] = dict(found.fetchall())
        return rows

    def verify(self):
        """`kartud ledger verify` on a copy."""
        copy = self.folder / "copy"
        with stations.fresh(copy):
            for part in self.folder.glob("ledger.*"):
                (copy / part.name).write_bytes(part.read_bytes())
            done = subprocess.run([stations.KARTUD, "ledger", "verify", copy / "ledger.db"], capture_output=True,
                                  text=True, check=False)
        self.verified.append((done.returncode == 0, (done.stdout + done.stderr).strip()[-300:]))

    def words(self):
        """What the daemon logged, without times and names: how often."""
        self.log.close()
        said = collections.Counter()
        for line in pathlib.Path(self.log.name).read_text(errors="replace").splitlines():
            line = re.sub(r"^\S+Z\s+", "", line)
            line = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", line)
            said[re.sub(r"\d+", "N", line)[:200]] += 1
        return said.most_common(12)


def run(number, kills, seed, slowness, store, verify_every=500):
    """One lane from its first card to its last; its figures. The folder of a lane in which something is odd is kept."""
    with stations.fresh(store / f"lane{number}") as folder:
        with stations.emulator(folder / "machine", slowness, MACHINE) as machine:
            lane = Lane(folder, machine, number, seed)
            try:
                lane.teach()
                began = time.monotonic()
                person = lane.torment(kills, verify_every,
                                      lambda done: kills_person.progress(f"lane {number}", done, kills))
                lane.count["seconds"] = time.monotonic() - began
                figures = kills_person.settle(lane, person)
            finally:
                lane.process.kill()
        if kills_person.is_odd(figures):
            figures["kept"] = str(folder.replace(store / f"kept-{seed}-lane{number}-{os.getpid()}"))
        return figures
