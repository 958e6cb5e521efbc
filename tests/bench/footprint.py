"""Starts kartud and cupsd again and again, and prints 100 cards on one kartud; see `tests/bench/footprint`."""

import argparse
import http.client
import json
import statistics
import time

import child
import stations

CHILD = stations.ROOT / "target/bench/child"
STORE = stations.ROOT / "target/bench/store"
MACHINE = stations.ROOT / "target/bench/machine"
# The same child is posted again and again.
PRINTING = stations.KARTUD_CONFIG + """[printer]
address = "tcp://127.0.0.1:{machine}"
[product.kia]
same_holder_days = 0
"""
SETTLE_S = 1.0  # after the start, before memory is read
PRINT_LIMIT_S = 300


def idle(start, rounds):
    """Medians over fresh starts: ms until ready, MB resident a moment later."""
    ready, resident = [], []
    for _ in range(rounds):
        with start() as station:
            time.sleep(SETTLE_S)
            ready.append(station.ready_ms)
            resident.append(station.memory_mb("VmRSS"))
    return statistics.median(ready), statistics.median(resident)


def post(wire, photo, envelope, number):
    """One job, as an upstream system posts it; accepted or the end."""
    job = envelope.replace(child.NUMBER_HOLE, f"FOOTPRINT/{number:04}")
    part = "--part\r\nContent-Disposition: form-data; name=\"{}\"\r\nContent-Type: {}\r\n\r\n"
    body = (part.format("job", "application/json") + job + "\r\n").encode()
    body += part.format("photo", "image/jpeg").encode() + photo + b"\r\n--part--\r\n"
    wire.request("POST", "/v1/jobs", body, {"Content-Type": "multipart/form-data; boundary=part"})
    answer = wire.getresponse()
    said = answer.read()
    if answer.status != 201:
        raise SystemExit(f"refused: {answer.status} {said.decode()}")


def printed(wire):
    """How many jobs are printed; any job that went astray ends the benchmark."""
    wire.request("GET", "/v1/jobs?limit=500")
    states = [job["state"] for job in json.loads(wire.getresponse().read())["jobs"]]
    astray = set(states) - {"received", "queued", "claimed", "composed", "printing", "printed"}
    if astray:
        raise SystemExit(f"cards that do not come out: {sorted(astray)}")
    return states.count("printed")


def printing(cards):
    """MB resident after `cards` cards, MB at the peak, and cards a second with nothing to wait for."""
    photo, envelope = (CHILD / "photo.jpg").read_bytes(), (CHILD / "job.json").read_text()
    with stations.emulator(MACHINE) as machine, \
            stations.kartud(STORE, PRINTING.replace("{machine}", str(machine.port))) as station:
        wire = http.client.HTTPConnection("127.0.0.1", station.port, timeout=PRINT_LIMIT_S)
        began = time.perf_counter()
        for number in range(cards):
            post(wire, photo, envelope, number)
        while printed(wire) < cards:
            if time.perf_counter() - began > PRINT_LIMIT_S:
                raise SystemExit("the emulated printer did not finish")
            time.sleep(0.1)
        took = time.perf_counter() - began
        time.sleep(SETTLE_S)
        return station.memory_mb("VmRSS"), station.memory_mb("VmHWM"), cards / took


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10, help="starts of each daemon")
    options.add_argument("--cards", type=int, default=100)
    options = options.parse_args()
    ready_ms, idle_mb = idle(lambda: stations.kartud(STORE), options.rounds)
    peer_ready_ms, peer_mb = idle(lambda: stations.cups(STORE, durable=False), options.rounds)
    after_mb, peak_mb, rate = printing(options.cards)
    binary_mb = stations.KARTUD.stat().st_size / 1e6
    print(f"{'':<36}{'kartud':>10}{'cupsd':>10}")
    print(f"{'start to ready, ms':<36}{ready_ms:>10.1f}{peer_ready_ms:>10.1f}")
    print(f"{'resident when idle, MB':<36}{idle_mb:>10.1f}{peer_mb:>10.1f}")
    print(f"{f'resident after {options.cards} cards, MB':<36}{after_mb:>10.1f}{'-':>10}")
    print(f"{'peak while printing, MB':<36}{peak_mb:>10.1f}{'-':>10}")
    print(f"{'stripped binary, MB':<36}{binary_mb:>10.1f}{'-':>10}")
    print(f"{'cards a second, machine at once':<36}{rate:>10.1f}{'-':>10}")
    figures = {"bench": "footprint", "ours": idle_mb, "peer": peer_mb, "ratio": peer_mb / idle_mb, "unit": "MB idle",
               "ready_ms": ready_ms, "peer_ready_ms": peer_ready_ms, "after_cards_mb": after_mb,
               "peak_mb": peak_mb, "binary_mb": binary_mb}
    print(json.dumps({key: round(v, 2) if isinstance(v, float) else v for key, v in figures.items()}))


if __name__ == "__main__":
    main()
