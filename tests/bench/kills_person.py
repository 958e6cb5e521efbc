"""The person at the station: helps a printer that is stuck, and at the end says what lies in the tray."""

import collections
import http.client
import json
import sys
import time

from kills_client import ask

BLANKS = 1_000_000  # nobody refills, so that every blank is accounted for
# So many lives without a card that begins, and somebody comes to look.
PATIENCE_LIVES = 20
STALL_S = 20
GIVE_UP_S = 150
ROUNDS_MAX = 5
PRINTED = {"printed", "handed_over"}
MOVING = ("received", "queued", "claimed", "composed", "encoding", "encoded", "printing")


def progress(lane, done, kills):
    if done % 100 == 0 or done == kills:
        print(f"{lane}: {done} of {kills} kills", file=sys.stderr, flush=True)


class Person:
    """Comes when nothing moves any more, and takes the card out that the station does not get out by itself."""

    def __init__(self, lane):
        self.lane, self.machine = lane, lane.machine
        self.entered, self.since, self.taken_out, self.called = -1, 0, 0, 0

    def passes_by(self):
        """After a kill: has any card begun lately?"""
        entered = self.machine.state()["machine"]["cards_entered"]
        self.since = self.since + 1 if entered == self.entered else 0
        self.entered = entered
        if self.since >= PATIENCE_LIVES:
            self.since = 0
            self.lane.start()
            self.stays()
            self.lane.kill()
            self.lane.count["calm"] += 1

    def stays(self):
        """The daemon is left in peace for a while; only if it cannot go on by itself, somebody lays hands on."""
        self.called += 1
        until = time.monotonic() + self.lane.calm_s
        while time.monotonic() < until:
            machine = self.machine.state()["machine"]
            if machine["cards_entered"] != self.entered:
                return
            time.sleep(0.05)
        self.helps()

    def helps(self):
        machine = self.machine.state()["machine"]
        if machine["card"] and not machine["printing"]:
            pull(self.machine, "take_card_out")
            self.taken_out += 1


def pull(machine, lever):
    wire = http.client.HTTPConnection("127.0.0.1", machine.control, timeout=10)
    wire.request("POST", f"/levers/{lever}", "")
    if wire.getresponse().status != 200:
        raise SystemExit(f"the emulated printer has no lever {lever}")
    wire.close()


def drain(lane, person, wire):
    """No more kills: everything that can end ends. False: something is stuck for good."""
    seen, changed, helped = None, time.monotonic(), time.monotonic()
    while True:
        jobs = ask(wire, "GET", "/v1/station")[1]["jobs"]
        unanswered = sum(client.unanswered is not None for client in lane.clients)
        if not unanswered and not any(jobs.get(state) for state in MOVING):
            return True
        now = (jobs, lane.machine.state()["machine"]["cards_entered"])
        if now != seen:
            seen, changed, helped = now, time.monotonic(), time.monotonic()
        if time.monotonic() - helped > STALL_S:
            helped = time.monotonic()
            person.helps()
        if time.monotonic() - changed > GIVE_UP_S:
            return False
        time.sleep(0.1)


def all_jobs(wire, query=""):
    jobs, cursor = [], ""
    while cursor is not None:
        page = ask(wire, "GET", f"/v1/jobs?limit=500{query}{cursor and f'&cursor={cursor}'}")[1]
        jobs += page["jobs"]
        cursor = page["next"]
    return jobs


def resolve(lane, wire):
    """Says of every unsure job whether its card lies in the tray, and lets held ones go on. How many; other answers."""
    lane.tray.wait_until_empty()
    good, resolved, other = lane.tray.good(), 0, collections.Counter()
    rejected = {card.number for card in lane.tray.cards if card.rejected}
    for job in all_jobs(wire, "&state=unsure"):
        note_unsure(lane, wire, job)
        number = int(job["ref"].rsplit("/", 1)[1])
        seen = "printed" if good[number] else "spoiled" if number in rejected else "no_card"
        look = {"seen": seen, "by": "bench"}
        status, said = ask(wire, "POST", f"/v1/jobs/{job['id']}/resolve", look)
        if status == 409:
            # The printer says something else: somebody has looked again, and it is as it is.
            lane.count["insisted"] += 1
            status, said = ask(wire, "POST", f"/v1/jobs/{job['id']}/resolve", look | {"insist": True})
        resolved += status == 200
        lane.count[f"seen_{seen}"] += status == 200
        if status != 200:
            other[f"{status} {(said or {}).get('code', '')}"] += 1
        if status in (404, 405):
            break
    for job in all_jobs(wire, "&state=held"):
        lane.held.update(reason["code"] for reason in job["reasons"])
        status, said = ask(wire, "POST", f"/v1/jobs/{job['id']}/release", {"by": "bench"})
        resolved += status == 200
        lane.count["released"] += status == 200
        if status != 200:
            other[f"{status} {(said or {}).get('code', '')}"] += 1
    return resolved, other


def note_unsure(lane, wire, job):
    """What happened to a job that only a person can settle: into a file, for whoever asks why."""
    said = ask(wire, "GET", f"/v1/jobs/{job['id']}/events")[1]
    with open(lane.folder / "unsure.jsonl", "a", encoding="utf-8") as notes:
        notes.write(json.dumps(said) + "\n")


def is_odd(lane):
    """Is anything to be explained in the figures of a lane?"""
    wrong = ("doubled", "lost", "twice_in_ledger", "strangers", "not_whole", "unsure_before_looking")
    return any(lane[key] for key in wrong) or not lane["whole"] or lane["left_feeder"] != lane["moved"] \
        or not all(good for good, _ in lane["verified"])


def settle(lane, person):
    """From the last kill to the figures."""
    lane.book.more = False
    lane.start()
    wire = lane.wire()
    whole = drain(lane, person, wire)
    unsure = ask(wire, "GET", "/v1/station")[1]["jobs"]["unsure"]
    not_resolved = collections.Counter()
    person.helps()
    for _ in range(ROUNDS_MAX):
        resolved, other = resolve(lane, wire)
        not_resolved += other
        if not resolved:
            break
        whole = drain(lane, person, wire)
    reasons = [reason["keyword"] for reason in ask(wire, "GET", "/v1/station")[1]["state_reasons"]]
    jobs = all_jobs(wire)
    lane.book.ended = True
    for client in lane.clients:
        client.join()
    lane.kill()
    lane.verify()
    lane.tray.ended = True
    lane.tray.join()
    if lane.tray.broken:
        raise lane.tray.broken
    lane.count["hand"] = person.taken_out
    return figures(lane, jobs) | {
        "whole": whole, "reasons": reasons, "unsure_before_looking": unsure, "not_resolved": dict(not_resolved),
    }


def figures(lane, jobs):
    """What the tray says against what was accepted."""
    states = collections.defaultdict(list)
    for job in jobs:
        states[int(job["ref"].rsplit("/", 1)[1])].append(job["state"])
    good, book, machine = lane.tray.good(), lane.book, lane.machine.state()
    lost = {}
    for number in book.accepted:
        known = states.get(number, ["unknown"])
        if not good[number] and known[0] in PRINTED | {"unknown"}:
            lost[number] = known[0]
    cards = lane.tray.cards
    inside = bool(machine["machine"]["card"])
    moved = machine["hopper_cards"] + machine["reject_box_cards"] + inside + lane.count["hand"]
    waiting = [number for number in book.accepted if states.get(number, ["printed"])[0] not in PRINTED]
    return {
        "count": dict(lane.count), "found": dict(lane.found), "at_work": dict(lane.at_work),
        "cuts": dict(lane.cable.fell), "card_s": lane.card_s, "ready_s": lane.ready_s, "last_ready_s": book.ready_s,
        "accepted": len(book.accepted), "lost_answers": book.lost_answers, "replayed": book.replayed,
        "refused": book.refused, "good": sum(good.values()), "distinct": len(good),
        "doubles": sum(cards - 1 for cards in good.values()),
        "doubled": {number: cards for number, cards in good.items() if cards > 1},
        "lost": lost, "twice_in_ledger": sum(len(known) > 1 for known in states.values()),
        "waiting": sum(not good[number] for number in waiting),
        "strangers": sum(number not in book.accepted for number in good),
        "states": dict(collections.Counter(job["state"] for job in jobs)),
        "good_not_printed": dict(collections.Counter(
            known for number in good for known in states.get(number, ["unknown"]) if known != "printed")),
        "not_whole": sum(not card.whole and not card.rejected for card in cards),
        "rejected": machine["reject_box_cards"], "hopper": machine["hopper_cards"],
        "inside": inside, "left_feeder": BLANKS - machine["feeder_cards"], "moved": moved,
        "ribbon": BLANKS - machine["ribbon_left"], "not_understood": machine["machine"]["not_understood"],
        "verified": lane.verified, "words": lane.words(), "rows": lane.rows(), "held": dict(lane.held),
    }
