"""The JSON Schema of a product's jobs against the station, both ways: what one refuses by form the other refuses too."""

import base64
import copy
import json
import pathlib
import urllib.error
import urllib.request

import jsonschema

import jobs

SAMPLES = json.loads((jobs.ROOT / "config/kia-samples.json").read_text())
# What a sample says about itself beside its fields.
NOT_FIELDS = {"id", "case", "latar"}


def get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def post(url, job):
    request = urllib.request.Request(f"{url}/v1/jobs", json.dumps(job).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def samples(photo):
    """The sample children with their derived fields, as upstream sends them."""
    for sample in SAMPLES["children"]:
        job = jobs.child(f"SAMPLE-{sample['id']}")
        job["fields"] = {name: value for name, value in sample.items() if name not in NOT_FIELDS}
        if sample["jenis_kia"] == "B":
            job["photo"] = base64.b64encode(photo).decode()
        yield sample["id"], job


def changed(job, place, value):
    """A copy with one thing changed; `...` takes it away."""
    job = copy.deepcopy(job)
    thing = job
    for key in place[:-1]:
        thing = thing[key]
    if value is ...:
        del thing[place[-1]]
    else:
        thing[place[-1]] = value
    return job


def bad_children():
    """What the station refuses for its form alone."""
    good = jobs.child()
    fields = [
        ("nik", "130105610823900"), ("nik", "1301053513159001"), ("nik", "1301050704150000"), ("nik", "13010507041590 2"),
        ("nik", 1301050704159002), ("nik", ...), ("nik", ""), ("nama", " AISYAH"), ("nama", "A" * 121), ("nama", "AB\u200bC"),
        ("nama", "AB\u0007C"), ("tgl_lahir", "21-08-2023"), ("tgl_lahir", "2023-13-01"), ("tgl_lahir", "1823-01-01"),
        ("jenis_kelamin", "P"), ("gol_darah", "C"), ("agama", "lain"), ("rt", "1A"), ("rt", "0001"), ("no_kk", "13010509"),
        ("no_akta_kelahiran", "1301_LU"), ("no_akta_kelahiran", "A" * 41), ("alamat", ...), ("alamat", "J" * 201),
        ("kecamatan", 7), ("pejabat_id", "nobody"), ("jenis_kia", "C"), ("berlaku_hingga", "soon"), ("warna", "merah"),
        ("kartu_lama_kembali", "ya"), ("kewarganegaraan", "MALAYSIA"), ("tte", "T" * 1001),
    ]
    for name, value in fields:
        yield f"fields.{name}={value!r}"[:60], changed(good, ["fields", name], value) if name in good["fields"] or value is not ... else good
    whole = [
        (["ref"], "abc"), (["ref"], ""), (["ref"], "A" * 41), (["reason"], "LAIN"), (["reason"], "HILANG"), (["reason"], ...),
        (["attachments"], []), (["attachments"], ...), (["attachments", 0, "kind"], "KTP"), (["attachments", 1, "sha256"], "zz"),
        (["recommendation"], ...), (["recommendation"], None), (["recommendation", "keputusan"], "TOLAK"),
        (["recommendation", "nomor"], 7), (["recommendation", "lain"], "x"), (["fields"], ...), (["lain"], 1),
        (["product"], "ktp"), (["recommendation", "daftar_periksa"], {"kk": "ya"}),
    ]
    for place, value in whole:
        yield ".".join(map(str, place)) + f"={value!r}"[:40], changed(good, place, value)


def bad_officers(photo):
    good = jobs.officer(photo)
    for name, value in [("no_pegawai", "ps-1"), ("no_pegawai", "A"), ("nama", ...), ("berlaku_hingga", "2099-02-00"), ("unit", "U" * 61)]:
        yield f"fields.{name}={value!r}"[:60], changed(good, ["fields", name], value)
    yield "photo", changed(good, ["photo"], ...)


def hold(url, photo, check):
    schemas = {}
    for product in get(f"{url}/v1/products")["products"]:
        schema = get(url + product["links"]["job_schema"])
        jsonschema.Draft202012Validator.check_schema(schema)
        checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
        schemas[product["name"]] = jsonschema.Draft202012Validator(schema, format_checker=checker)
    check("both built-in products are told", set(schemas) >= {"kia", "staf"})
    good = [*samples(photo), ("a child", jobs.child()), ("an officer", jobs.officer(photo))]
    for name, job in good:
        faults = [fault.message for fault in schemas[job["product"]].iter_errors(job)]
        status, answer = post(url, job)
        check(f"{name} is taken, and its schema agrees", not faults and status == 201, f"{faults}\n{status} {answer}")
    for product, bad in [("kia", bad_children()), ("staf", bad_officers(photo))]:
        for name, job in bad:
            status, _ = post(url, job)
            told = not schemas[product].is_valid(job)
            check(f"{product}, {name}: refused by the station and by its schema", told and status in (400, 422), f"schema {told}, station {status}")
