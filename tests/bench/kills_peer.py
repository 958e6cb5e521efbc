"""One lane of the peer: a cupsd that is killed as kartud is, its clients, and a sink that stands for the printer.

Counts by what arrived whole at the sink. With cupsd die its children (the backend that sends), as under systemd and as
in a power cut: an orphan that sends on while the next cupsd sends again would be one more way to print twice.
"""

import collections
import contextlib
import http.client
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import threading
import time

import stations
from kills_client import Answer, Book, Client, moments

CLIENTS = 2
DOCUMENT_BYTES = 100_000
HEAD, TAIL = b"KILLS %07d\n", b"END %07d\n"
FIRST = 5  # documents in peace, to see how long one takes
DRAIN_LIMIT_S = 90
SINK_BUFFER_BYTES = 16 * 1024
PRINT_JOB, GET_JOBS, GET_PRINTER = 0x02, 0x0A, 0x0B
ENDED_LOUDLY = {6, 7, 8}  # stopped, canceled, aborted (RFC 8011 section 5.3.7): visible to a person
# As in the paused queue of the other benches, but printing, and with a policy that never throws a job away.
QUEUE = """
<Printer raw>
DeviceURI socket://127.0.0.1:{port}/
State Idle
Accepting Yes
Shared No
OpPolicy default
ErrorPolicy retry-job
</Printer>
"""


class Sink(threading.Thread):
    """A printer that takes documents one after the other, each in about the time of a card."""

    def __init__(self, card_s):
        super().__init__(daemon=True)
        self.card_s, self.whole, self.torn = card_s, collections.Counter(), 0
        self.listener = socket.socket()
        # Small, so that a document is not sent before it is taken.
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SINK_BUFFER_BYTES)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            wire, _ = self.listener.accept()
            with wire, contextlib.suppress(OSError):
                self.take(wire)

    def take(self, wire):
        got = b""
        while piece := wire.recv(DOCUMENT_BYTES // 10):
            got += piece
            time.sleep(self.card_s * len(piece) / DOCUMENT_BYTES)
        number = int(got[6:13]) if got[:6] == b"KILLS " and got[6:13].isdigit() else None
        if number is not None and got == document(number):
            self.whole[number] += 1
        else:
            self.torn += bool(got)


def document(number):
    head, tail = HEAD % number, TAIL % number
    return head + b"." * (DOCUMENT_BYTES - len(head) - len(tail)) + tail


def ipp(wire, operation, attributes, data=b""):
    """(status, [attributes of each group after the first]) of one IPP request (RFC 8010 section 3)."""
    body = struct.pack(">BBHIB", 1, 1, operation, 1, 0x01)
    for tag, name, value in [(0x47, "attributes-charset", "utf-8"), (0x48, "attributes-natural-language", "en"),
                             (0x45, "printer-uri", f"ipp://127.0.0.1:{wire.port}/printers/raw"), *attributes]:
        name, value = name.encode(), value if isinstance(value, bytes) else value.encode()
        body += struct.pack(">BH", tag, len(name)) + name + struct.pack(">H", len(value)) + value
    wire.request("POST", "/printers/raw", body + b"\x03" + data, {"Content-Type": "application/ipp"})
    answer = wire.getresponse()
    said = answer.read()
    if answer.status != 200 or len(said) < 8:
        raise http.client.HTTPException(f"HTTP {answer.status}")
    return struct.unpack(">H", said[2:4])[0], groups(said)


def groups(said):
    found, at = [], 8
    while at < len(said) and said[at] != 0x03:
        if said[at] < 0x10:
            found.append({})
            at += 1
            continue
        tag, length = struct.unpack(">BH", said[at:at + 3])
        name = said[at + 3:at + 3 + length].decode()
        at += 3 + length
        length = struct.unpack(">H", said[at:at + 2])[0]
        value = said[at + 2:at + 2 + length]
        at += 2 + length
        if name:
            found[-1][name] = struct.unpack(">i", value)[0] if tag in (0x21, 0x23) else value
    return found[1:]


class Door:
    """Speaks to CUPS."""

    def waiting(self, wire):
        _, found = ipp(wire, GET_PRINTER, [(0x44, "requested-attributes", "queued-job-count")])
        return found[0]["queued-job-count"] if found else 0

    def post(self, wire, number):
        status, found = ipp(wire, PRINT_JOB, [
            (0x42, "requesting-user-name", "bench"), (0x42, "job-name", f"{number:07}"),
            (0x49, "document-format", "application/vnd.cups-raw")], document(number))
        if status < 0x100:
            return Answer(True, found[0].get("job-id"))
        return Answer(False, f"{status:#06x}")


class Lane:
    """cupsd, sink and clients."""

    def __init__(self, folder, durable, number, seed, card_s):
        self.sink = Sink(card_s)
        self.sink.start()
        self.command, self.port = stations.lay_out_cups(folder, durable, QUEUE.format(port=self.sink.port))
        self.folder, self.process = folder, None
        self.chance = random.Random(f"{seed}/peer{number}/kills")
        self.book = Book(number * 1_000_000 + 1, self.chance)
        self.clients = [Client(Door(), self.port, self.book, random.Random(f"{seed}/peer{number}/{n}"))
                        for n in range(CLIENTS)]
        self.count = collections.Counter()

    def start(self):
        self.book.live()
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([str(word) for word in self.command], stdout=log, stderr=log)

    def kill(self):
        """It and its children, with nothing in between."""
        pid = self.process.pid
        if self.process.poll() is not None:
            self.count["died_by_itself"] += 1
            return
        os.kill(pid, signal.SIGSTOP)
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        self.process.kill()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        self.process.wait()

    def wire(self):
        until = time.monotonic() + stations.READY_LIMIT_S
        while stations.get(self.port)[0] != 200:
            if time.monotonic() > until or self.process.poll() is not None:
                raise SystemExit(f"cupsd does not get ready; its words are in {self.folder}/error_log")
            time.sleep(0.005)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def first(self):
        """Some documents in peace: (seconds until ready, seconds a document)."""
        began = time.monotonic()
        self.start()
        wire, door = self.wire(), Door()
        ready = time.monotonic()
        for number in range(FIRST):
            self.book.accepted[number] = door.post(wire, number).name
        while len(self.sink.whole) < FIRST:
            if time.monotonic() - ready > DRAIN_LIMIT_S:
                raise SystemExit(f"no document arrives from cupsd; its words are in {self.folder}/error_log")
            time.sleep(0.01)
        took = time.monotonic() - ready
        self.kill()
        return ready - began, took / FIRST

    def torment(self, kills, told):
        self.ready_s, self.card_s = self.book.ready_s, self.book.card_s = self.first()
        for client in self.clients:
            client.start()
        for number, moment in enumerate(moments(self.chance, self.book, kills), 1):
            began = time.monotonic()
            self.start()
            moment.wait_for(self.book, began)
            self.kill()
            self.count["kills"] += 1
            self.count["before_ready"] += self.book.life not in self.book.lives_answered
            told(number)

    def settle(self):
        """From the last kill to the figures."""
        self.book.more = False
        self.start()
        wire = self.wire()
        until = time.monotonic() + DRAIN_LIMIT_S
        while time.monotonic() < until:
            unanswered = any(client.unanswered is not None for client in self.clients)
            if not unanswered and not Door().waiting(wire):
                break
            time.sleep(0.1)
        self.book.ended = True
        for client in self.clients:
            client.join()
        visible = self.jobs(wire, b"not-completed", lambda state: True)
        visible |= self.jobs(wire, b"completed", lambda state: state in ENDED_LOUDLY)
        self.kill()
        whole, accepted = self.sink.whole, self.book.accepted
        return {
            "count": dict(self.count), "ready_s": self.ready_s, "card_s": self.card_s,
            "accepted": len(accepted), "lost_answers": self.book.lost_answers,
            "refused": self.book.refused, "good": sum(whole.values()), "distinct": len(whole), "torn": self.sink.torn,
            "doubles": sum(times - 1 for times in whole.values()), "waiting": len(visible - set(whole)),
            "lost": {number: "gone" for number in accepted if not whole[number] and number not in visible},
        }

    def jobs(self, wire, which, wanted):
        # Names are told to their owner only.
        _, found = ipp(wire, GET_JOBS, [(0x42, "requesting-user-name", "bench"), (0x44, "which-jobs", which),
                                        (0x44, "requested-attributes", "job-name"), (0x44, "", "job-state")])
        return {int(job["job-name"]) for job in found
                if job.get("job-name", b"").isdigit() and wanted(job.get("job-state"))}


def run(number, kills, seed, card_s, store, durable, progress):
    """One lane from its first document to its last; its figures."""
    with stations.fresh(store / f"peer{number}") as folder:
        lane = Lane(folder, durable, number, seed, card_s)
        try:
            began = time.monotonic()
            lane.torment(kills, lambda done: progress(f"peer {number}", done, kills))
            lane.count["seconds"] = time.monotonic() - began
            return lane.settle()
        finally:
            if lane.process.poll() is None:
                lane.kill()
