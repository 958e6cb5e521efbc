"""Starts what is measured, each in a fresh folder on a free loopback port: our kartud, and a cupsd of its own.

Knows no benchmark. A cupsd that the machine already runs is never touched; CUPS needs root, because it changes
to the user lp.
"""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).parents[2]
KARTUD = ROOT / "target/release/kartud"
CUPSD = "/usr/sbin/cupsd"
READY_LIMIT_S = 20

CUPS_FILES = """
User lp
Group lp
SystemGroup root
FileDevice Yes
ServerRoot {folder}/root
RequestRoot {folder}/spool
TempDir {folder}/spool/tmp
CacheDir {folder}/cache
StateDir {folder}/state
AccessLog {folder}/access_log
ErrorLog {folder}/error_log
PageLog {folder}/page_log
"""
# MaxJobs 0: no old job is purged while we measure. AccessLogLevel none: no line is written for each request.
CUPS_DAEMON = """
Listen 127.0.0.1:{port}
LogLevel warn
AccessLogLevel none
{sync}
MaxJobs 0
Browsing No
WebInterface No
DefaultAuthType None
<Location />
Order allow,deny
Allow localhost
</Location>
<Policy default>
<Limit All>
Order deny,allow
</Limit>
</Policy>
"""
# A raw queue that is paused: CUPS accepts and stores, and spends nothing on printing.
CUPS_QUEUE = """
<Printer raw>
DeviceURI file:///dev/null
State Stopped
Accepting Yes
Shared No
OpPolicy default
ErrorPolicy retry-job
</Printer>
"""
# No printer: jobs are taken in and wait, as in the paused queue.
KARTUD_CONFIG = """
[station]
ledger = "ledger.db"
[http]
listen = "127.0.0.1:{port}"
[log]
level = "warn"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(port, path="/", host="127.0.0.1"):
    """(HTTP status, body) of one GET, or (0, b"") while nobody answers."""
    try:
        with socket.create_connection((host, port), timeout=5) as wire:
            wire.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: wire.recv(65536), b""))
    except OSError:
        return 0, b""
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split(b" ", 2)[1]) if head else 0), body


class Station:
    """A running daemon: its process, its port, and how long it took from exec until it was ready."""

    def __init__(self, command, port, ready_path, log):
        self.port = port
        began = time.perf_counter()
        self.process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        while get(port, ready_path)[0] != 200:
            if self.process.poll() is not None or time.perf_counter() - began > READY_LIMIT_S:
                self.process.kill()
                raise SystemExit(f"{command[0]} did not get ready; its words are in {log.name}")
            time.sleep(0.0005)
        self.ready_ms = (time.perf_counter() - began) * 1000

    def memory_mb(self, key):
        """`VmRSS` (now) or `VmHWM` (peak) of the process, in MB of 10^6 bytes."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(key)) * 1024 / 1e6


@contextlib.contextmanager
def fresh(folder, keep=False):
    folder = pathlib.Path(folder)
    if keep:
        yield folder
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running(command, port, ready_path, folder, ask_to_stop=False):
    with open(folder / "log", "w", encoding="utf-8") as log:
        station = Station([str(word) for word in command], port, ready_path, log)
        try:
            yield station
        finally:
            # Killed, not asked: writing that CUPS has put off must not fall into the next measurement.
            (station.process.terminate if ask_to_stop else station.process.kill)()
            station.process.wait()


def lay_out_cups(folder, durable, queue=CUPS_QUEUE):
    """The folders and settings of a cupsd in an empty folder; the command that starts it, and its port."""
    port = free_port()
    for part in ("root", "spool/tmp", "cache", "state"):
        (folder / part).mkdir(parents=True)
    # Its folders must belong to lp, and lp must be able to walk down to them.
    sync = "DirtyCleanInterval 0" if durable else ""
    (folder / "files.conf").write_text(CUPS_FILES.format(folder=folder))
    (folder / "cupsd.conf").write_text(CUPS_DAEMON.format(port=port, sync=sync))
    (folder / "root/printers.conf").write_text(queue)
    subprocess.run(["chown", "-R", "lp:lp", folder], check=True)
    return [CUPSD, "-f", "-c", folder / "cupsd.conf", "-s", folder / "files.conf"], port


@contextlib.contextmanager
def cups(folder, durable):
    """A cupsd that syncs every job before it answers (`DirtyCleanInterval 0`), or one with its defaults."""
    with fresh(folder) as folder:
        command, port = lay_out_cups(folder, durable)
        with running(command, port, "/", folder) as station:
            yield station


@contextlib.contextmanager
def kartud(folder, config=KARTUD_CONFIG, keep=False):
    """Our daemon, on an empty ledger or (`keep`) on the one that lies there."""
    with fresh(folder, keep) as folder:
        port = free_port()
        (folder / "kartud.toml").write_text(config.format(port=port))
        command = [KARTUD, "run", "--new-ledger", "--config", folder / "kartud.toml"]
        # A ledger that is kept is closed, so that the next start finds no log beside it.
        with running(command, port, "/readyz?for=intake", folder, ask_to_stop=keep) as station:
            yield station


class Machine:
    """A running emulated printer: its port, and what it says of itself."""

    def __init__(self, process):
        # It says where it listens: "... on tcp://127.0.0.1:PORT", "control on http://127.0.0.1:PORT".
        self.port, self.control = (int(process.stdout.readline().rsplit(":", 1)[1]) for _ in range(2))

    def state(self):
        return json.loads(get(self.control, "/state")[1])


@contextlib.contextmanager
def emulator(folder, slowness=0, options=()):
    """An emulated printer as a process of its own; as slow as told, and tended unless `options` say `--blanks`."""
    with fresh(folder) as folder:
        command = [KARTUD, "emulate", "evolis", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
                   "--slowness", slowness, "--out", folder, *options]
        process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
        try:
            yield Machine(process)
        finally:
            process.kill()
            process.wait()
