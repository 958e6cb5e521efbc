"""An emulated machine as a process, the hands on it, and the count of what was checked. Knows no SDK."""

import http.client
import json
import os
import pathlib
import subprocess
import tempfile

from PIL import Image

PROJECT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = PROJECT / "drivers/emulators/evolis/driver_tests/golden"


class Count:
    """What was checked. A check that fails is told at once and does not end the run."""

    def __init__(self):
        self.passed = self.failed = 0

    def same(self, what, seen, wanted):
        self.true(f"{what}: {seen!r} instead of {wanted!r}", seen == wanted)

    def true(self, what, holds):
        if holds:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {what}", flush=True)


class Machine:
    """`kartud emulate evolis` with its cards in a folder of its own."""

    def __init__(self, kartud, *options, model="Primacy", ribbon="YMCKO", slowness=0):
        self.folder = tempfile.TemporaryDirectory()
        self.out = pathlib.Path(self.folder.name)
        self.process = subprocess.Popen(
            [kartud, "emulate", "evolis", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0",
             "--out", self.out, "--model", model, "--ribbon", ribbon, "--slowness", str(slowness), *options],
            stdout=subprocess.PIPE, text=True)
        self.wire = self.process.stdout.readline().split("tcp://")[1].strip()
        self.control = self.process.stdout.readline().split("http://")[1].strip()

    @property
    def url(self):
        return f"socket://{self.wire}?type=evolis"

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.control, timeout=10)
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        value = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, (method, path, body, value)
        return value

    def state(self):
        return self.ask("GET", "/state")

    def set(self, **keys):
        return self.ask("PATCH", "/state", keys)

    def pull(self, lever, argument=None):
        return self.ask("POST", f"/levers/{lever}", argument)

    def card(self, number, side="front"):
        """A finished card as a picture; `None`: there is none."""
        path = self.out / f"card-{number:06}-{side}.png"
        if not path.exists():
            return None
        with Image.open(path) as picture:
            return picture.convert("RGB")

    def __enter__(self):
        return self

    def __exit__(self, *fault):
        self.process.terminate()
        self.process.wait(timeout=10)
        self.process.stdout.close()
        self.folder.cleanup()


def source(name):
    """A picture of ours, in landscape."""
    with Image.open(PICTURES / name) as picture:
        return picture.convert("RGB")


def bitmap(picture, folder, name):
    """The picture as the file that the SDK takes."""
    path = os.path.join(folder, name)
    picture.save(path, "BMP")
    return path
