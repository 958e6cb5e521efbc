"""Writes jobs of the sample child that may be printed today. Usage: jobs.py HOW_MANY FOLDER"""

import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))

from kills_lane import Door  # noqa: E402  # it is found only now

door = Door(random.Random(0))
for number in range(1, int(sys.argv[1]) + 1):
    (pathlib.Path(sys.argv[2]) / f"{number}.json").write_text(json.dumps(door.job(number)))
