"""What an upstream system in Python does with the generated client. client.py URL JOB.json"""

import json
import pathlib
import sys
import time
import uuid

from kartu_client import Client
from kartu_client.api.blanks import enter_blanks, list_blank_days
from kartu_client.api.jobs import list_jobs, post_job, preview_job, show_job
from kartu_client.models import BlanksEntry, Job, JobRequest, State

client = Client(base_url=sys.argv[1], timeout=60)
request = JobRequest.from_dict(json.loads(pathlib.Path(sys.argv[2]).read_text()))
key = str(uuid.uuid4())
posted = post_job.sync(client=client, body=request, idempotency_key=key)
assert isinstance(posted, Job), posted
again = post_job.sync(client=client, body=request, idempotency_key=key)
assert again.id == posted.id
for _ in range(600):
    job = show_job.sync(id=posted.id, client=client)
    if job.state not in ("received", "queued", "claimed", "composed", "encoding", "encoded", "printing"):
        break
    time.sleep(0.2)
assert job.state == "printed", (job.state, [reason.code for reason in job.reasons])
assert job.encoding.blanks_used >= 1
listed = list_jobs.sync(client=client, ref=request.ref, state=[State.PRINTED, State.HELD])
assert [one.id for one in listed.jobs] == [posted.id], listed
picture = preview_job.sync_detailed(id=posted.id, face="front.png", client=client)
assert picture.content.startswith(b"\x89PNG")
before = list_blank_days.sync(client=client).days[-1].loaded
entry = BlanksEntry.from_dict({"kind": "loaded", "cards": 7, "by": "petugas-py"})
key = str(uuid.uuid4())
first = enter_blanks.sync(client=client, body=entry, idempotency_key=key)
second = enter_blanks.sync(client=client, body=entry, idempotency_key=key)
assert first.seq == second.seq, (first, second)
assert list_blank_days.sync(client=client).days[-1].loaded == before + 7
