"""Clients of a daemon that dies again and again: they post jobs, and post again what was not answered.

Knows neither side's protocol; a door does (see `kills_lane.py` and `kills_peer.py`).
"""

import http.client
import itertools
import json
import threading
import time

from kills_wire import a_cut

ANSWER_LIMIT_S = 10
# So many jobs wait at most: the station always has work, and the end does not take for ever.
WAITING_MAX = 6
LOOK_EVERY_S = 0.04
POST_EVERY_S = 0.04
# When the killer wants to see a job posted, more of them may wait.
WAITING_IN_A_HURRY = 20
# An answer takes some 3 ms.
INTAKE_S = 0.004
KNOCK_EVERY_S = 0.004
READY_WEIGHT = 0.1  # of the last life


class Book:
    """What all clients of one lane know: which numbers were given out, and which of them were accepted."""

    def __init__(self, first, chance):
        self.chance = chance
        self.numbers = itertools.count(first)
        self.accepted = {}  # number: the daemon's own name of the job
        self.lost_answers = 0
        self.replayed = 0
        self.refused = {}  # what else was answered: how often
        self.lives_answered = set()  # in which an answer was heard
        self.began = time.monotonic()  # this life
        self.ready_s = self.card_s = None  # until the first answer, lately; a card in peace
        self.more = True
        self.ended = False
        self.life = 0
        self.hurry = False
        self.posting, self.wake = threading.Event(), threading.Event()
        self.lock = threading.Lock()

    def live(self):
        """A new life begins."""
        self.life += 1
        self.began = time.monotonic()

    def heard(self):
        """An answer was heard; how long lives take to the first one changes with the ledger and the load."""
        with self.lock:
            if self.life not in self.lives_answered:
                self.lives_answered.add(self.life)
                self.ready_s += (time.monotonic() - self.began - self.ready_s) * READY_WEIGHT


class Client(threading.Thread):
    """One client. `door.waiting(wire)` and `door.post(wire, number)` speak to the daemon."""

    def __init__(self, door, port, book, chance):
        super().__init__(daemon=True)
        self.door, self.port, self.book, self.chance = door, port, book, chance
        self.unanswered = None

    def run(self):
        while not self.book.ended:
            wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_LIMIT_S)
            try:
                wire.connect()
            except OSError:
                time.sleep(KNOCK_EVERY_S)
                continue
            self.speak(wire)
            wire.close()

    def speak(self, wire):
        """Over one connection, until it breaks."""
        book, posting = self.book, False
        try:
            while not book.ended:
                waiting = self.door.waiting(wire)
                book.heard()
                enough = waiting >= (WAITING_IN_A_HURRY if book.hurry else WAITING_MAX)
                if self.unanswered is None and (not book.more or enough):
                    time.sleep(LOOK_EVERY_S) if book.wake.is_set() else book.wake.wait(LOOK_EVERY_S)
                    continue
                posting = True
                book.posting.set()
                self.post(wire)
                posting = False
                time.sleep(self.chance.uniform(0, POST_EVERY_S))
        except (OSError, http.client.HTTPException):
            with book.lock:
                book.lost_answers += posting

    def post(self, wire):
        """The job that was not answered, or else a new one."""
        book = self.book
        with book.lock:
            if self.unanswered is None:
                self.unanswered = next(book.numbers)
        answer = self.door.post(wire, self.unanswered)
        with book.lock:
            if answer.accepted:
                book.accepted[self.unanswered] = answer.name
                book.replayed += answer.replayed
                self.unanswered = None
            else:
                # The daemon has answered, and not with a yes: the client tries again, as it does after silence.
                book.refused[answer.name] = book.refused.get(answer.name, 0) + 1


class Answer:
    """What a door was told. `name`: of the job, or if it was not accepted of the reason."""

    def __init__(self, accepted, name, replayed=False):
        self.accepted, self.name, self.replayed = accepted, name, replayed


class Moment:
    """When to kill: some seconds after the start; `intake`: after a client has begun to post; `cut`: on the wire."""

    def __init__(self, after_s, intake=False, cut=None):
        self.after_s, self.intake, self.cut = after_s, intake, cut

    def wait_for(self, book, began, wire=None):
        """Returns when it has come, for a daemon that was started at `began`; a cut has then killed it already."""
        if self.intake:
            book.posting.clear()
            book.hurry = True
            book.wake.set()
            book.posting.wait(self.after_s)
            book.hurry = False
            book.wake.clear()
            time.sleep(book.chance.uniform(0, INTAKE_S))
        elif self.cut and wire:
            wire.fired.wait(self.after_s)
            wire.cut = None
        else:
            time.sleep(max(0, began + self.after_s - time.monotonic()))


def moments(chance, book, kills):
    """Within one card, in the start-up, in the intake, at an exchange with the printer, and after some cards."""
    for _ in range(kills):
        ready_s, card_s = book.ready_s, book.card_s
        kind, card = chance.random(), chance.uniform(0, 1.3 * (ready_s + card_s))
        if kind < 0.4:
            yield Moment(card)
        elif kind < 0.6:
            yield Moment(chance.uniform(0, 1.3 * ready_s))
        elif kind < 0.7:
            yield Moment(ready_s + card_s, intake=True)
        elif kind < 0.9:
            yield Moment(ready_s + 1.5 * card_s, cut=a_cut(chance))
        else:
            yield Moment(chance.uniform(ready_s + card_s, ready_s + 2.5 * card_s))


def ask(wire, method, path, body=None):
    """(status, JSON or None) of one request to kartud."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    wire.request(method, path, body and json.dumps(body), headers)
    answer = wire.getresponse()
    said = answer.read()
    if answer.status >= 400:
        wire.close()  # a refusal may end the connection
    try:
        return answer.status, json.loads(said)
    except ValueError:
        return answer.status, None
