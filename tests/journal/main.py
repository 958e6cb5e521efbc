"""A station's log in the journal of systemd. See tests/outside/journal."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

KARTUD = sys.argv[1]
JOURNALD = "/lib/systemd/systemd-journald"
SOCKETS = Path("/run/systemd/journal")
PATIENCE_S = 30
CANARY = "KENARI XYLOPHONA QUETZAL"
CONFIG = """
[station]
ledger = "ledger.db"
[http]
listen = "127.0.0.1:0"
[log]
level = "debug"
[product.kia]
issue_age_max_days = 36500
same_holder_days = 0
[printer]
address = "emulated"
[printer.emulator]
slowness = 0.0
"""
passed = failed = 0


def check(what, good, told=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED {what}: {told}")


def until(what, found):
    """Asks until there is an answer; the limit is what the test needs at most, not a time that it waits."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise SystemExit(f"{what} never comes")


class Journal:
    """systemd-journald, on sockets that are held for it while it is away, as systemd does."""

    def __init__(self):
        SOCKETS.mkdir(parents=True)
        Path("/run/log/journal").mkdir(parents=True)
        self.records = self.bound(socket.SOCK_DGRAM, "socket")
        self.streams = self.bound(socket.SOCK_STREAM, "stdout")
        self.streams.listen()
        self.start()

    @staticmethod
    def bound(kind, name):
        held = socket.socket(socket.AF_UNIX, kind)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        held.bind(str(SOCKETS / name))
        os.chmod(SOCKETS / name, 0o666)
        return held

    def start(self):
        hand_over = f'exec 3<&0 4<&1 0</dev/null 1>&2; LISTEN_PID=$$ LISTEN_FDS=2 exec {JOURNALD}'
        self.process = subprocess.Popen(
            ["sh", "-c", hand_over], stdin=self.records, stdout=self.streams, stderr=subprocess.DEVNULL
        )

    def end(self, how):
        self.process.send_signal(how)
        self.process.wait()

    def found(self, *matches):
        words = ["journalctl", "--directory=/run/log/journal", "--output=json", "--no-pager", *matches]
        told = subprocess.run(words, capture_output=True, text=True, check=False).stdout
        return [json.loads(line) for line in told.splitlines() if line.startswith("{")]


class Station:
    def __init__(self, place):
        (place / "kartud.toml").write_text(CONFIG)
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(str(SOCKETS / "stdout"))
        # The head that systemd writes for a service: identifier, unit, priority, and where lines go besides.
        stream.sendall(b"kartud\n\n6\n1\n0\n0\n0\n")
        named = os.fstat(stream.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{named.st_dev}:{named.st_ino}"}
        environment.pop("RUST_LOG", None)
        self.process = subprocess.Popen(
            [KARTUD, "run", "--new-ledger", "--config", place / "kartud.toml"], stderr=stream, env=environment
        )
        ready = until("readiness", lambda: [r for r in journal.found() if r.get("KARTU_ADDRESS")])
        self.url = f"http://{ready[0]['KARTU_ADDRESS']}"

    def ask(self, path, body=None):
        data = body and json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.load(answer)

    def prints(self, reference):
        """Posts a job, and returns its id once its card is out."""
        job = json.loads(Path("config/job.example.json").read_text())
        job["ref"] = reference
        job["fields"]["nama"] = CANARY
        job["recommendation"]["nomor"] = f"470/{reference}"
        job = self.ask("/v1/jobs", job)["id"]
        until(f"the card of {reference}", lambda: self.ask(f"/v1/jobs/{job}")["state"] == "printed")
        return job


def steps(job):
    return [(record["KARTU_STEP"], record["PRIORITY"]) for record in journal.found(f"KARTU_JOB={job}")]


journal = Journal()
with tempfile.TemporaryDirectory() as place:
    station = Station(Path(place))
    first = station.prints("KENARI-1")
    until("the card in the journal", lambda: ("card_out", "6") in steps(first))
    records = journal.found(f"KARTU_JOB={first}")
    whole = steps(first)
    check("all steps are there", {step for step, _ in whole} >= {"claim", "compose", "print", "card_out"}, whole)
    check("developers' lines have their priority", ("claim", "7") in whole, whole)
    check("they came as records", {r["_TRANSPORT"] for r in records} == {"journal"}, records[0])
    check("by the station", {r["SYSLOG_IDENTIFIER"] for r in records} == {"kartud"}, records[0])

    for how in (signal.SIGTERM, signal.SIGKILL):
        journal.end(how)
        job = station.prints(f"KENARI-{how.name}")
        journal.start()
        until(f"the card that came out while the journal was away ({how.name})", lambda: ("card_out", "6") in steps(job))
        kept = [step for step, _ in steps(job)]
        check(f"nothing is lost ({how.name})", kept == [step for step, _ in whole], kept)

    station.process.terminate()
    check("it stops in order", station.process.wait(PATIENCE_S) == 0, station.process.returncode)
    until("the stop", lambda: [r for r in journal.found() if str(r.get("MESSAGE", "")).startswith("stopped after")])
    everything = json.dumps(journal.found())
    check("nobody's data stand in the journal", CANARY not in everything and "XYLOPHONA" not in everything)
    check("nothing came as bare lines", not journal.found("_TRANSPORT=stdout"), journal.found("_TRANSPORT=stdout"))
journal.end(signal.SIGTERM)

print(f"{passed} passed, {failed} failed")
sys.exit(bool(failed))
