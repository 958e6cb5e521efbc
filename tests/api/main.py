"""The station's API against tools that are not ours. See tests/outside/api."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import urllib.request

import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator

import clients
import jobs
import products

KARTUD = sys.argv[1]
HERE = pathlib.Path(__file__).parent
ENOUGH = 500
CONFIG = """
[station]
ledger = "ledger.db"
[http]
listen = "127.0.0.1:0"
[product.kia]
issue_age_max_days = 36500
[product.staf]
issue_age_max_days = 36500
[vault]
folder = "keys"
[printer]
address = "emulated"
[printer.emulator]
slowness = 0.0
[encoder]
family = "emulated"
"""
passed = failed = 0


def check(what, good, why=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED: {what}\n{why}")


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read().decode()


class Station:
    """A station in a folder of its own, on an emulated printer that takes no time."""

    def __init__(self, room):
        room.mkdir()
        (room / "kartud.toml").write_text(CONFIG)
        self.log = room / "log"
        config = ["--config", room / "kartud.toml"]
        (room / "keys").mkdir(mode=0o700)
        subprocess.run([KARTUD, "keys", "new", "document", *config], check=True, capture_output=True)
        # The first start of a ledger is said; a kartud that makes one by itself does not know the command.
        subprocess.run([KARTUD, "init", *config], capture_output=True)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([KARTUD, "run", *config], stderr=log)
        self.url = self.wait()

    def wait(self):
        for _ in range(300):
            found = re.search(r"address=(127\.0\.0\.1:\d+)", self.log.read_text())
            if found:
                return f"http://{found[1]}"
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"the station does not start:\n{self.log.read_text()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


def document(url):
    """The document is valid, and so is every example in it."""
    api = json.loads(get(f"{url}/openapi.json"))
    faults = [fault.message for fault in OpenAPIV31SpecValidator(api).iter_errors()]
    check("openapi-spec-validator finds nothing", not faults, faults)
    seen = 0
    for place, schema, example in examples(api):
        whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "components": api["components"]}
        validator = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
        faults = [fault.message for fault in validator.iter_errors(example)]
        check(f"the example at {place} is one", not faults, faults)
        seen += 1
    check("there are examples", seen > 20, seen)
    return api


def examples(thing, place="#"):
    """Every example with the schema that it belongs to."""
    if isinstance(thing, list):
        for number, one in enumerate(thing):
            yield from examples(one, f"{place}/{number}")
    if not isinstance(thing, dict):
        return
    if "schema" in thing and "example" in thing:
        yield place, thing["schema"], thing["example"]
    if isinstance(thing.get("examples"), list):
        yield from ((place, thing, one) for one in thing["examples"])
    for name, one in thing.items():
        if name not in ("example", "examples"):
            yield from examples(one, f"{place}/{name}")


def fuzz(url):
    """All checks over all operations, stateful ones too."""
    tool = pathlib.Path(sys.executable).parent / "schemathesis"
    command = [
        tool, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/openapi.json",
        "--checks", "all", "--max-examples", os.environ.get("KARTU_API_EXAMPLES", "12"),
        "--seed", os.environ.get("KARTU_API_SEED", "20260302"), "--request-timeout", "30", "--workers", "2",
        "--continue-on-failure", "--suppress-health-check", "all", "--no-color",
    ]
    run = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    told = "\n".join(line[:600] for line in run.stdout.splitlines())
    check("schemathesis finds nothing", run.returncode == 0, told[-20000:] + run.stderr[-2000:])
    accepted = re.search(r"^kartu_jobs_accepted_total (\d+)", get(f"{url}/metrics"), re.M)
    check(f"at least {ENOUGH} jobs were stored", int(accepted[1]) >= ENOUGH, accepted[1])
    summary = [line for line in run.stdout.splitlines() if "tested" in line.lower() or "generated" in line.lower()]
    print(f"{accepted[1]} jobs stored; " + "; ".join(line.strip() for line in summary))


def main():
    os.environ.pop("http_proxy", None)
    with tempfile.TemporaryDirectory() as folder:
        room = pathlib.Path(folder)
        station = Station(room / "first")
        try:
            api = document(station.url)
            photo = jobs.portrait(room / "photo.jpg")
            products.hold(station.url, photo, check)
            clients.python(station.url, api, room, photo, check)
            clients.typescript(station.url, room, photo, check)
        finally:
            station.stop()
        station = Station(room / "second")
        try:
            fuzz(station.url)
            check("the station is alive", get(f"{station.url}/healthz") == "ok\n")
        finally:
            station.stop()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
