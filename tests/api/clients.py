"""Clients generated from the document, in two languages, print a card: a job with a photo is posted and waited for,
the jobs are listed, and blanks are entered once though the request is sent twice."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import uuid

import jobs

HERE = pathlib.Path(__file__).parent
TOOLS = HERE.parents[1] / "target/tools/api-ts"


def run(*command, **more):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=240, **more)


def python(url, api, room, photo, check):
    """openapi-python-client."""
    (room / "openapi.json").write_text(json.dumps(api))
    # Pictures are bytes to it, and a problem is JSON.
    (room / "settings.yml").write_text(
        "content_type_overrides:\n"
        "  image/png: application/octet-stream\n"
        "  application/problem+json: application/json\n"
        "  application/schema+json: application/json\n"
        "  application/openmetrics-text: text/plain\n"
    )
    tool = pathlib.Path(sys.executable).parent / "openapi-python-client"
    made = run(
        tool, "generate", "--path", room / "openapi.json", "--output-path", room / "kartu-client", "--meta", "none",
        "--config", room / "settings.yml", "--overwrite",
        env={**os.environ, "PATH": f"{tool.parent}:{os.environ['PATH']}"},
    )
    check("openapi-python-client makes a client", made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:])
    shutil.move(room / "kartu-client", room / "kartu_client")
    told = task(room, jobs.officer(photo, "PY"))
    used = run(sys.executable, HERE / "client.py", url, told, cwd=room, env={**os.environ, "PYTHONPATH": str(room)})
    check("the Python client prints a card", used.returncode == 0, used.stdout[-3000:] + used.stderr[-3000:])


def typescript(url, room, photo, check):
    """openapi-typescript and openapi-fetch, checked by the compiler."""
    work = room / "ts"
    work.mkdir()
    for name in ("client.ts", "tsconfig.json"):
        shutil.copy(HERE / name, work)
    (work / "node_modules").symlink_to(TOOLS / "node_modules")
    (work / "package.json").write_text('{"type": "module"}')
    tools = TOOLS / "node_modules/.bin"
    made = run(tools / "openapi-typescript", room / "openapi.json", "--output", "kartu.d.ts", cwd=work)
    check("openapi-typescript makes types", made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:])
    compiled = run(tools / "tsc", "--project", "tsconfig.json", cwd=work)
    check("the TypeScript client compiles", compiled.returncode == 0, compiled.stdout[-3000:])
    told = task(room, jobs.officer(photo, "TS"))
    used = run("node", work / "client.js", url, told, cwd=work)
    check("the TypeScript client prints a card", used.returncode == 0, used.stdout[-3000:] + used.stderr[-3000:])


def task(room, job):
    path = room / f"{uuid.uuid4()}.json"
    path.write_text(json.dumps(job))
    return path
