"""Prints on an emulated printer at real speed and says how much of its time it waited for us; see `tests/bench/print`."""

import argparse
import http.client
import json
import pathlib
import statistics
import subprocess
import sys
import time

import stations
from footprint import CHILD, MACHINE, PRINTING, STORE, post, printed

HERE = pathlib.Path(__file__).parent
PICTURES = stations.ROOT / "drivers/emulators/evolis/driver_tests/golden"
PREPARE_LIMIT_S = 120
LOOK_EVERY_S = 0.05


def progress(text):
    print(text, file=sys.stderr, flush=True)


def faces_to_wire(ours, cards):
    """Ms from composed faces to the job's first byte, a list."""
    with stations.emulator(MACHINE) as machine:
        command = [ours, f"127.0.0.1:{machine.port}", CHILD / "job.json", CHILD / "photo.jpg", cards]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True,
                              timeout=PREPARE_LIMIT_S)
    return [float(line) for line in done.stdout.split()]


def maker(cards):
    """Ms that the maker's SDK takes to make a job of two sides, a list; in a network of its own, as in the tests."""
    command = ["unshare", "--net", "--fork", "--pid", "--kill-child", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
               sys.executable, HERE / "print_peer.py", stations.KARTUD, PICTURES / "badge.png", PICTURES / "marks.png",
               cards]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True,
                          timeout=PREPARE_LIMIT_S)
    return [float(line) for line in done.stdout.split()]


def at_real_speed(cards, slowness):
    """Share of a card's time in which the machine waited, bytes a card, and the station's peak in MB."""
    photo, envelope = (CHILD / "photo.jpg").read_bytes(), (CHILD / "job.json").read_text()
    with stations.emulator(MACHINE, slowness) as machine, \
            stations.kartud(STORE, PRINTING.replace("{machine}", str(machine.port))) as station:
        wire = http.client.HTTPConnection("127.0.0.1", station.port, timeout=60)
        # One card more than is measured: the first has nobody before it.
        for number in range(cards + 1):
            post(wire, photo, envelope, number)
        first = last = None
        told = 0
        limit = time.monotonic() + 60 + (cards + 1) * 60 * max(slowness, 0.05)
        while last is None:
            if time.monotonic() > limit:
                raise SystemExit("the emulated printer did not finish")
            state = machine.state()["machine"]
            if state["cards_finished"] >= 1 and first is None:
                first = state
            if state["cards_finished"] >= cards + 1:
                last = state
            if state["cards_finished"] > told:
                told = state["cards_finished"]
                progress(f"{told} of {cards + 1} cards")
            time.sleep(LOOK_EVERY_S)
        # The station has long closed a connection on which nothing was asked.
        wire.close()
        while printed(wire) < cards + 1:
            time.sleep(LOOK_EVERY_S)
        peak = station.memory_mb("VmHWM")
        figures = dict(line.rsplit(" ", 1) for line in stations.get(station.port, "/metrics")[1].decode().splitlines()
                       if not line.startswith("#"))
        ledger = float(figures["kartu_ledger_wait_seconds_total"]) / float(figures["kartu_card_seconds_sum"])
    span, work = last["clock_s"] - first["clock_s"], last["printed_s"] - first["printed_s"]
    return {"card_s": work / cards, "waited_s": (span - work) / cards, "share": (span - work) / span,
            "bytes": (last["bytes_heard"] - first["bytes_heard"]) / cards, "peak": peak, "ledger": ledger,
            "not_understood": last["not_understood"]}


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("ours", type=pathlib.Path, help="our side's executable")
    options.add_argument("--cards", type=int, default=50, help="two-sided cards at real speed")
    options.add_argument("--slowness", type=float, default=1.0, help="1: half a minute a card; figures below 1 overstate the share")
    options.add_argument("--prepared", type=int, default=30, help="jobs that are made ready on each side")
    options = options.parse_args()
    ours_ms, peer_ms = faces_to_wire(options.ours, options.prepared), maker(options.prepared)
    speed = at_real_speed(options.cards, options.slowness)
    ours, peer = statistics.median(ours_ms), statistics.median(peer_ms)
    print(f"{f'{options.cards} two-sided cards over TCP, slowness {options.slowness}':<56}{'kartud':>10}{'SDK':>10}")
    print(f"{'faces to first byte, ms (SDK: to a file of the job)':<56}{ours:>10.1f}{peer:>10.1f}")
    print(f"{'the machine prints a card, s':<56}{speed['card_s']:>10.2f}{'-':>10}")
    print(f"{'the machine waits for us a card, s':<56}{speed['waited_s']:>10.3f}{'-':>10}")
    print(f"{'share of its time, %':<56}{100 * speed['share']:>10.2f}{'-':>10}")
    print(f"{'share of a card spent waiting for the ledger, %':<56}{100 * speed['ledger']:>10.3f}{'-':>10}")
    print(f"{'bytes to the wire a card':<56}{speed['bytes']:>10.0f}{'-':>10}")
    print(f"{'peak memory of the station, MB':<56}{speed['peak']:>10.1f}{'-':>10}")
    print(json.dumps({
        "bench": "print", "ours": round(ours, 2), "peer": round(peer, 2), "ratio": round(peer / ours, 2),
        "unit": "ms faces to wire", "waited_percent": round(100 * speed["share"], 3),
        "ledger_percent": round(100 * speed["ledger"], 3), "waited_s": round(speed["waited_s"], 3), "card_s": round(speed["card_s"], 2),
        "bytes_per_card": round(speed["bytes"]), "peak_mb": round(speed["peak"], 1), "cards": options.cards,
        "slowness": options.slowness,
    }))


if __name__ == "__main__":
    main()
