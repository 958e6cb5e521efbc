"""Writes jobs of the sample child that may be printed today. Usage: jobs.py HOW_MANY FOLDER"""

import datetime
import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))

from kills_lane import Door  # noqa: E402  # it is found only now

door = Door(random.Random(0))
# Longer ago than the machine's clock is set back: a decision that lies ahead is refused.
decided = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=3)
for number in range(1, int(sys.argv[1]) + 1):
    job = door.job(number)
    job["recommendation"]["pada"] = decided.isoformat()
    (pathlib.Path(sys.argv[2]) / f"{number}.json").write_text(json.dumps(job))
