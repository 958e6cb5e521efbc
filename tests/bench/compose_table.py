"""The table and the last line of `tests/bench/compose`, from the files of its rounds."""

import json
import pathlib
import statistics
import sys

WARM_UP = 3  # the first cards of a process fill the caches


def times(folder, side):
    """All cards of all rounds: one list of numbers a card."""
    rows = []
    for file in sorted(pathlib.Path(folder).glob(f"compose.{side}.*.ms")):
        rows += [[float(word) for word in line.split()] for line in file.read_text().splitlines()[WARM_UP:]]
    return rows


def main():
    ours = [row[0] for row in times(sys.argv[1], "ours")]
    peer = times(sys.argv[1], "peer")
    rows = {
        "ours: job to wire": ours,
        "peer: job to wire": [sum(row) for row in peer],
        "  of it Pillow, both faces": [row[0] for row in peer],
        "  of it Gutenprint, both faces": [row[1] for row in peer],
    }
    print(f"{'ms a card, one core':<32}{'cards':>7}{'median':>9}{'p95':>9}{'best':>9}")
    middle = {}
    for name, found in rows.items():
        middle[name] = statistics.median(found)
        p95 = statistics.quantiles(found, n=20)[-1]
        print(f"{name:<32}{len(found):>7}{middle[name]:>9.2f}{p95:>9.2f}{min(found):>9.2f}")
    mine, theirs = middle["ours: job to wire"], middle["peer: job to wire"]
    print(json.dumps({"bench": "compose", "ours": round(mine, 3), "peer": round(theirs, 2),
                      "ratio": round(theirs / mine, 1), "unit": "ms/card"}))


if __name__ == "__main__":
    main()
