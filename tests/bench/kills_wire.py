"""The cable between daemon and printer: carries every exchange, and can cut the daemon's life at a chosen point of one.

A random moment seldom falls into a transmission, since a job passes in 5 ms. Knows no command of the printer.
"""

import collections
import contextlib
import socket
import threading

JOB_MIN_BYTES = 10_000  # a transmission of this size is a job; questions have tens of bytes
JOB_BYTES = 1_000_000
EXCHANGES = 40  # about as many stand between a start and the end of its first card
PIECE_BYTES = 64 * 1024
PATIENCE_S = 40  # longer than the printer lets anybody wait for an answer

# `point`: before (nothing was sent), amid (so many bytes of a job were), unanswered, answered.
Cut = collections.namedtuple("Cut", "point exchange sent_bytes")


def a_cut(chance):
    """A point of an exchange, at random."""
    point = chance.choice(["before", "amid", "unanswered", "answered"])
    return Cut(point, chance.randint(1, EXCHANGES), chance.randint(1, JOB_BYTES))


class Wire(threading.Thread):
    """Listens for the daemon; each connection is one exchange."""

    def __init__(self, machine_port):
        super().__init__(daemon=True)
        self.machine_port = machine_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut, self.kill, self.exchange = None, None, 0
        self.fired, self.fell = threading.Event(), collections.Counter()

    def arm(self, cut, kill):
        """From now on the exchanges are counted; at the cut `kill` is called."""
        self.fired.clear()
        self.exchange, self.kill, self.cut = 0, kill, cut

    def run(self):
        while True:
            daemon, _ = self.listener.accept()
            self.exchange += 1
            threading.Thread(target=self.carry, args=(daemon, self.exchange), daemon=True).start()

    def fire(self, point, exchange):
        """True if the daemon is dead now."""
        cut = self.cut
        if not cut or point != cut.point or (point != "amid" and exchange != cut.exchange):
            return False
        self.cut = None
        self.fell[point] += 1
        self.kill()
        self.fired.set()
        return True

    def carry(self, daemon, exchange):
        with daemon, contextlib.suppress(OSError):
            daemon.settimeout(PATIENCE_S)
            if self.fire("before", exchange):
                return
            with socket.create_connection(("127.0.0.1", self.machine_port), timeout=PATIENCE_S) as machine:
                self.send(daemon, machine, exchange)
                answer = b"".join(iter(lambda: machine.recv(PIECE_BYTES), b""))
                daemon.sendall(answer)
                daemon.shutdown(socket.SHUT_WR)
                self.fire("answered", exchange)

    def send(self, daemon, machine, exchange):
        """What the daemon says, until it half-closes or dies."""
        sent = 0
        while piece := daemon.recv(PIECE_BYTES):
            cut = self.cut
            if cut and cut.point == "amid" and sent + len(piece) >= max(JOB_MIN_BYTES, cut.sent_bytes):
                machine.sendall(piece[:max(0, cut.sent_bytes - sent)])
                if self.fire("amid", exchange):
                    break
                piece = piece[max(0, cut.sent_bytes - sent):]
            machine.sendall(piece)
            sent += len(piece)
        machine.shutdown(socket.SHUT_WR)
        self.fire("unanswered", exchange)
