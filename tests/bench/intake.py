"""Interleaves rounds of kartud and CUPS under the load generator; see `tests/bench/intake`."""

import argparse
import json
import pathlib
import statistics
import subprocess

import stations

CHILD = stations.ROOT / "target/bench/child"
STORE = stations.ROOT / "target/bench/store"  # on the disk, never on a tmpfs: syncing is what is measured
GENERATOR_LIMIT_S = 300


def kartud_load(sync):
    options = ["--job", CHILD / "job.json"] + ([] if sync else ["--async"])
    return lambda: stations.kartud(STORE), "kartud", options


def cups_load(durable):
    return lambda: stations.cups(STORE, durable), "cups", []


ROWS = {
    "kartud, photo inspected before the answer": kartud_load(True),
    "kartud, Prefer: respond-async": kartud_load(False),
    "CUPS, durable": cups_load(True),
    "CUPS, default (not synced)": cups_load(False),
}


def generate(load, port, target, options, clients, jobs, tag):
    """One run of the load generator; its figures."""
    command = [load, target, f"127.0.0.1:{port}", "--document", CHILD / "photo.jpg", *options,
               "--tag", tag, "--clients", clients, "--jobs", jobs]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=GENERATOR_LIMIT_S, check=False)
    if done.returncode:
        raise SystemExit(f"{target}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def measure(load, row, clients, jobs):
    """One row of one round, on a station of its own; the generator's figures."""
    start, target, options = ROWS[row]
    with start() as station:
        generate(load, station.port, target, options, clients, 10 * clients, "WARM")
        return generate(load, station.port, target, options, clients, jobs, "B")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("load", type=pathlib.Path, help="the load generator's executable")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--jobs", type=int, default=2000, help="jobs in each row of a round")
    options.add_argument("--peer-only", action="store_true", help="measure CUPS alone")
    options = options.parse_args()
    rows = [row for row in ROWS if "CUPS" in row or not options.peer_only]
    found = {}
    for _ in range(options.rounds):
        for clients in (1, 8, 64):
            for row in rows:
                found.setdefault((row, clients), []).append(measure(options.load, row, clients, options.jobs))

    middle = lambda row, clients, key: statistics.median(f[key] for f in found[row, clients])
    print(f"{'medians of ' + str(options.rounds) + ' rounds of ' + str(options.jobs) + ' jobs':<44}"
          f"{'clients':>8}{'jobs/s':>9}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
    for row in rows:
        for clients in (1, 8, 64):
            figures = [middle(row, clients, key) for key in ("jobs_per_s", "p50_ms", "p95_ms", "p99_ms")]
            print(f"{row:<44}{clients:>8}{figures[0]:>9.0f}" + "".join(f"{f:>9.2f}" for f in figures[1:]))
    rate = {row: middle(row, 64, "jobs_per_s") for row in rows}
    inspected, answered, durable, default = (rate.get(name) for name in ROWS)
    # CUPS looks at nothing before it answers, so it stands beside the row that looks at the pixels afterwards.
    print(json.dumps({
        "bench": "intake", "ours": answered, "peer": durable, "ratio": answered and round(answered / durable, 2),
        "unit": "jobs/s", "ours_inspected": inspected, "peer_default": default,
        "ratio_default": answered and round(answered / default, 2),
        "clients": 64, "photo_bytes": (CHILD / "photo.jpg").stat().st_size,
    }))


if __name__ == "__main__":
    main()
