"""Runs the lanes of both sides and prints what came of it; see `tests/bench/kills`."""

import argparse
import collections
import concurrent.futures
import json
import os
import random
import sys

import kills_lane
import kills_peer
import stations
from kills_person import progress

STORE = stations.ROOT / "target/bench/kills"  # on the disk, never on a tmpfs: a synced write is what is tested
# A card then takes the machine some 90 ms; the driver looks every 250 ms whether it is out.
SLOWNESS = 0.005
PRINT_S = 17.2  # a one-sided colour card on the emulated printer, at slowness 1
VERIFY_EVERY = 500  # kills, over all lanes
PEERS = {"CUPS as it comes": False, "CUPS durable": True}

ROWS = {"steps": "cards that nobody saw, and what was done", "settled": "settled by the row of the table",
        "left": "told to a person, at some time"}


def together(lanes, key):
    """The sum, or for a dictionary of numbers the sums, over the lanes."""
    if isinstance(lanes[0][key], dict):
        total = collections.Counter()
        for lane in lanes:
            total.update(lane[key])
        return total
    return sum(lane[key] for lane in lanes)


def line(name, *values):
    print(f"{name:<62}" + "".join(f"{value:>18}" for value in values))


def spread(found):
    total = sum(found.values()) or 1
    return ", ".join(f"{name} {times} ({100 * times / total:.0f} %)" for name, times in found.most_common()) or "-"


def print_ours(lanes):
    """What happened to kartud, beyond what the peer can be compared in."""
    count, states = together(lanes, "count"), together(lanes, "states")
    verified = [check for lane in lanes for check in lane["verified"]]
    blanks = [f"{together(lanes, key)}" for key in ("left_feeder", "moved")]
    line("kartud alone:")
    line("  killed before it answered anybody", count["before_ready"])
    line("  repeated answers that were the same job", together(lanes, "replayed"))
    line("  jobs that stand in the ledger twice", together(lanes, "twice_in_ledger"))
    line("  cards that nobody had accepted", together(lanes, "strangers"))
    line("  cards in the hopper that are not whole", together(lanes, "not_whole"))
    line("  blanks: left the feeder / good + rejected + inside + by hand", " / ".join(blanks))
    places = [*(together(lanes, key) for key in ("hopper", "rejected", "inside")), count["hand"]]
    line("  blanks: hopper, reject box, inside, taken out by hand", ", ".join(map(str, places)))
    line("  ribbon: sets used", together(lanes, "ribbon"))
    line("  unsure before a person looked / at the end",
         f"{together(lanes, 'unsure_before_looking')} / {states['unsure']}")
    seen = [f"{name[5:]} {count[name]}" for name in sorted(count)
            if name.startswith("seen_") and count[name]]
    line("  what the person saw", ", ".join(seen) or "-")
    line("  insisted against the printer / held jobs released", f"{count['insisted']} / {count['released']}")
    line("  ledger checks passed", f"{sum(good for good, _ in verified)} of {len(verified)}")
    line("  asked to stop: ended well / before it could hear",
         f"{count['stopped']} / {count['too_early_to_stop']}")
    line("  left in peace because nothing moved", count["calm"])
    line("  ms until ready at the end", ", ".join(f"{1000 * lane['last_ready_s']:.0f}" for lane in lanes))
    for name, title in ROWS.items():
        rows = sum((collections.Counter(lane["rows"][name]) for lane in lanes), collections.Counter())
        print(f"  {title}: {spread(rows)}")
    print(f"  held for: {spread(together(lanes, 'held'))}")
    print(f"  jobs at the end: {spread(states)}")
    print(f"  jobs found at a restart: {spread(together(lanes, 'found'))}")
    print(f"  the printer at a kill: {spread(together(lanes, 'at_work'))}")
    print(f"  killed at an exchange with the printer: {spread(together(lanes, 'cuts'))}")
    print(f"  good cards of jobs that are not printed: {spread(together(lanes, 'good_not_printed'))}")
    print(f"  other answers to a job: {spread(together(lanes, 'refused'))}; "
          f"to a person: {spread(together(lanes, 'not_resolved'))}")
    for lane in lanes:
        tell_oddities(lane)


def tell_oddities(lane):
    """What is not as it should be in one lane."""
    for number, times in sorted(lane["doubled"].items()):
        print(f"  DOUBLED {number:07}: {times} cards")
    for number, state in sorted(lane["lost"].items())[:20]:
        print(f"  LOST {number:07}: {state}, and no card in the tray")
    for good, said in lane["verified"]:
        if not good:
            print(f"  LEDGER: {said}")
    if "kept" in lane:
        print(f"  KEPT: {lane['kept']}")
    if not lane["whole"]:
        print(f"  STUCK: something never ended; reasons {lane['reasons']}")
    if lane["left_feeder"] != lane["moved"]:
        print(f"  BLANKS: {lane['left_feeder']} left the feeder, {lane['moved']} are accounted for")
    if any(value for value in lane["not_understood"].values()):
        print(f"  NOT UNDERSTOOD by the printer: {lane['not_understood']}")
    for words, times in lane["words"]:
        print(f"  logged {times}: {words}")


def print_table(ours, peers):
    """Both sides."""
    sides = {"kartud": ours} | peers
    line("", *sides)
    rows = [("kills", lambda lanes: together(lanes, "count")["kills"])]
    rows += [(name, lambda lanes, key=key: together(lanes, key)) for name, key in (
        ("jobs accepted", "accepted"), ("answers lost and repeated", "lost_answers"),
        ("cards out (documents whole)", "good"), ("distinct cards out", "distinct"), ("doubles", "doubles"))]
    rows += [("lost", lambda lanes: len(together(lanes, "lost"))),
             ("doubled or lost per 1000 kills", lambda lanes: f"{rate(lanes):.2f}"),
             ("doubled or lost per 100 jobs accepted",
              lambda lanes: f"{100 * wrong(lanes) / together(lanes, 'accepted'):.2f}"),
             ("waiting before anybody's eyes at the end", lambda lanes: together(lanes, "waiting")),
             ("seconds", lambda lanes: f"{max(lane['count']['seconds'] for lane in lanes):.0f}"),
             ("ms until ready, ms a card in peace", speed)]
    for name, value in rows:
        line(name, *(value(lanes) for lanes in sides.values()))


def speed(lanes):
    return f"{1000 * lanes[0]['ready_s']:.0f}, {1000 * lanes[0]['card_s']:.0f}"


def wrong(lanes):
    return together(lanes, "doubles") + len(together(lanes, "lost"))


def rate(lanes):
    return 1000 * wrong(lanes) / together(lanes, "count")["kills"]


def share(kills, lanes):
    return [kills // lanes + (number < kills % lanes) for number in range(lanes)]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("kills", type=int, nargs="?", default=1000)
    options.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options.add_argument("--lanes", type=int, default=os.cpu_count(), help="daemons side by side, 10 at most")
    options.add_argument("--peer-kills", type=int, help="of each cupsd; a tenth unless told, 0: no peer")
    options.add_argument("--slowness", type=float, default=SLOWNESS, help="of the emulated printer")
    options = options.parse_args()
    lanes = max(1, min(options.lanes, 10, options.kills))
    print(f"seed {options.seed}, {lanes} lanes, slowness {options.slowness}", flush=True)
    with concurrent.futures.ProcessPoolExecutor(lanes) as pool:
        waits = [pool.submit(kills_lane.run, number, kills, options.seed, options.slowness, STORE,
                             VERIFY_EVERY // lanes)
                 for number, kills in enumerate(share(options.kills, lanes))]
        ours = [wait.result() for wait in waits]
    peer_kills = max(20, options.kills // 10) if options.peer_kills is None else options.peer_kills
    card_s = PRINT_S * options.slowness
    with concurrent.futures.ProcessPoolExecutor(len(PEERS)) as pool:
        waits = {name: pool.submit(kills_peer.run, number, peer_kills, options.seed, card_s, STORE, durable, progress)
                 for number, (name, durable) in enumerate(PEERS.items()) if peer_kills}
        peers = {name: [wait.result()] for name, wait in waits.items()}
    print_table(ours, peers)
    print_ours(ours)
    rates = [rate(lanes) for lanes in peers.values()]
    print(json.dumps({
        "bench": "kills", "ours": round(rate(ours), 3), "peer": rates and round(rates[0], 1) or None,
        "ratio": round(rates[0] / rate(ours), 2) if rates and rate(ours) else None,
        "unit": "doubled or lost per 1000 kills", "peer_durable": rates and round(rates[1], 1) or None,
        "kills": options.kills, "seed": options.seed, "accepted": together(ours, "accepted"),
        "unsure": together(ours, "unsure_before_looking"), "hand": together(ours, "count")["hand"],
    }))
    bad = wrong(ours) or together(ours, "twice_in_ledger") or together(ours, "strangers")
    for lane in ours:
        bad = bad or lane["left_feeder"] != lane["moved"] or not all(good for good, _ in lane["verified"])
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
