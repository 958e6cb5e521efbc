"""Starts and loads kartud on a full and on an empty ledger in turns; see `tests/bench/history`."""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess

import stations
from intake import CHILD, generate

FULL = stations.ROOT / "target/bench/history"
EMPTY = stations.ROOT / "target/bench/store"
FILL_LIMIT_S = 900
CLIENTS = 8


def on_full():
    return stations.kartud(FULL, keep=True)


def on_empty():
    return stations.kartud(EMPTY)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("load", type=pathlib.Path, help="the load generator's executable")
    options.add_argument("fill", type=pathlib.Path, help="the executable that fills a ledger")
    options.add_argument("--finished", type=int, default=10_000, help="finished jobs in the full ledger")
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--jobs", type=int, default=500, help="jobs in each row of a round")
    options = options.parse_args()
    shutil.rmtree(FULL, ignore_errors=True)
    FULL.mkdir(parents=True)
    command = [options.fill, FULL / "ledger.db", CHILD / "job.json", CHILD / "photo.jpg", options.finished]
    subprocess.run([str(word) for word in command], check=True, timeout=FILL_LIMIT_S)

    ready, rate = {}, {}
    for turn in range(options.rounds):
        for name, start in (("full", on_full), ("empty", on_empty)):
            with start() as station:
                ready.setdefault(name, []).append(station.ready_ms)
                figures = generate(options.load, station.port, "kartud", ["--job", CHILD / "job.json", "--async"],
                                   CLIENTS, options.jobs, f"H{turn}")
                rate.setdefault(name, []).append(figures["jobs_per_s"])
    shutil.rmtree(FULL)

    middle = {name: (statistics.median(ready[name]), statistics.median(rate[name])) for name in ready}
    print(f"{f'medians of {options.rounds} turns, {CLIENTS} clients':<36}{'ready ms':>10}{'jobs/s':>10}")
    print(f"{f'{options.finished} finished jobs in the ledger':<36}{middle['full'][0]:>10.1f}{middle['full'][1]:>10.0f}")
    print(f"{'empty ledger':<36}{middle['empty'][0]:>10.1f}{middle['empty'][1]:>10.0f}")
    print(json.dumps({
        "bench": "history", "ours": round(middle["full"][1], 1), "peer": round(middle["empty"][1], 1),
        "ratio": round(middle["full"][1] / middle["empty"][1], 2), "unit": "jobs/s",
        "ready_ms": round(middle["full"][0], 2), "peer_ready_ms": round(middle["empty"][0], 2),
        "finished_jobs": options.finished, "clients": CLIENTS,
    }))


if __name__ == "__main__":
    main()
