"""A card's signed record against other people's software: openssl, ZXing, base45, cwt. See tests/outside/record."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import base45
import cbor2
import cwt
import zxingcpp
from cryptography.hazmat.primitives import serialization
from cwt import COSE, COSEHeaders, COSEKey
from PIL import Image

KARTUD = sys.argv[1]
CARD = -65537
GOLDEN = "src/render/golden/staf-front.png"
FIELDS = {
    "nama": "RINA CONTOH, S.Kom.", "jabatan": "OPERATOR", "unit": "PENDAFTARAN PENDUDUK",
    "no_pegawai": "PS-000417", "berlaku_hingga": "2099-12-31",
}
CONFIG = """
[station]
ledger = "ledger.db"
[http]
listen = "127.0.0.1:0"
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


def check(what, good):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print(f"FAILED: {what}")


def kartud(*args, **more):
    return subprocess.run([KARTUD, *args], capture_output=True, text=True, **more)


def make_key(room):
    """The document key, by openssl; what it may hand on, by ours. Both must name it alike."""
    keys = room / "keys"
    keys.mkdir(mode=0o700)
    private = keys / "document"
    os.close(os.open(private, os.O_CREAT | os.O_WRONLY, 0o600))
    openssl = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private]
    subprocess.run(openssl, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", room / "public.pem"], check=True)
    der = subprocess.run(
        ["openssl", "pkey", "-in", private, "-pubout", "-outform", "DER"], check=True, capture_output=True
    ).stdout
    shown = kartud("keys", "show", "document", "--config", room / "kartud.toml", "--label", "Kantor")
    kid = hashlib.sha256(der).digest()[:8]
    check("the key's name is what openssl and sha256 make of it", f'kid = "{kid.hex()}"' in shown.stdout)
    (room / "list.toml").write_text('format = "kartu-keys/1"\n' + shown.stdout)
    return kid


def print_card(room):
    """Prints a staff card; its back as it came out of the emulated machine, and its photo's bytes."""
    # The portrait of the drawn sample card, at 300 dpi.
    photo = Image.open(GOLDEN).convert("RGB").crop((64, 188, 270, 462)).resize((618, 822), Image.LANCZOS)
    photo.save(room / "photo.jpg", quality=92)
    job = {
        "product": "staf", "ref": "STAF-417", "reason": "BARU", "fields": FIELDS,
        "recommendation": {"keputusan": "SETUJU", "nomor": "800/417", "oleh": {"nama": "CONTOH SEKRETARIS"},
                           "peringatan_disetujui": ["W_PHOTO_SOFT", "W_PHOTO_FACE"]},
    }
    (room / "job.json").write_text(json.dumps(job))
    with open(room / "log", "w") as log:
        station = subprocess.Popen([KARTUD, "run", "--new-ledger", "--config", room / "kartud.toml"], stderr=log)
    try:
        url = wait_for(lambda: address(room / "log"))
        posted = kartud("submit", room / "job.json", "--photo", room / "photo.jpg", "--json", "--url", url)
        assert posted.returncode == 0, posted.stderr
        identity = json.loads(posted.stdout)["id"]
        wait_for(lambda: state(identity, url) == "printed")
    finally:
        station.terminate()
        station.wait()
    return Image.open(room / "cards" / "card-000001-back.png"), (room / "photo.jpg").read_bytes()


def address(log):
    _, found, rest = log.read_text().partition("address=")
    return f"http://{rest.split()[0]}" if found and rest.split() else None


def state(identity, url):
    job = json.loads(kartud("job", identity, "--json", "--url", url).stdout)["job"]
    if job["state"] in ("held", "unsure"):
        sys.exit(f"the job is {job['state']}: {[reason['code'] for reason in job.get('reasons', [])]}")
    return job["state"]


def wait_for(question):
    for _ in range(600):
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    sys.exit("waited a minute for the station")


def verify(room, *args, **more):
    done = kartud("verify", "--keys", room / "list.toml", "--json", *args, **more)
    found = json.loads(done.stdout) if done.stdout else {}
    return done.returncode, [fault["code"] for fault in found.get("faults", [])], found.get("record")


def open_ours(room, kid):
    """Our card, opened by others."""
    back, photo = print_card(room)
    codes = zxingcpp.read_barcodes(back)
    check("ZXing sees one code on the printed back", len(codes) == 1)
    text = codes[0].text
    signed = base45.b45decode(text)
    public = COSEKey.from_pem((room / "public.pem").read_bytes(), alg="ES256", kid=kid)
    claims = cwt.decode(signed, keys=public)
    card = claims[CARD]
    check("the issuer", claims[1] == "KABUPATEN PESISIR SELATAN")
    check("made now", abs(claims[6] - time.time()) < 120)
    check("ends at midnight in Padang", claims[4] == 4102419600)
    check("number, kind, name, staff number",
          [card[n] for n in (0, 2, 3, 19)] == ["STAF-417", "staf", FIELDS["nama"], FIELDS["no_pegawai"]])
    check("the photo's hash", card[1] == hashlib.sha256(photo).digest())
    check("nothing else", set(card) == {0, 1, 2, 3, 19} and set(claims) == {1, 4, 6, CARD})
    stranger = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
                              check=True, capture_output=True).stdout
    try:
        cwt.decode(signed, keys=COSEKey.from_pem(stranger, alg="ES256", kid=kid))
        check("another key opens it", False)
    except Exception:
        check("another key does not open it", True)
    check("verify --qr", verify(room, "--qr", text, "--photo", room / "photo.jpg")[:2] == (0, []))
    (room / "ef0101").write_bytes(signed.ljust(600, b"\0"))
    check("verify --chip", verify(room, "--chip", room / "ef0101")[:2] == (0, []))
    check("verify -", verify(room, "-", input=text + "\n")[:2] == (0, []))
    print(f"a staff card's record: {len(signed)} bytes, {len(text)} letters in the QR code")


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def with_s(signed, smaller):
    """ECDSA knows two signatures for one content, s and n - s; other software gives either. A record has the smaller."""
    s = int.from_bytes(signed[-32:], "big")
    return signed[:-32] + (min if smaller else max)(s, ORDER - s).to_bytes(32, "big")


def judge_theirs(room, kid):
    """Records that cwt signed, judged by ours. cwt writes claims in the order in which they are given to it, and gives
    either of the two signatures: what a record must be beyond that is done here, and what is not is refused."""
    private = COSEKey.from_pem((room / "keys" / "document").read_bytes(), alg="ES256", kid=kid)
    now = int(time.time())
    card = {0: "X-1", 2: "staf", 3: "RINA", "hobi": "CATUR"}
    good = {1: "KABUPATEN PESISIR SELATAN", 4: now + 3600, 5: now, 6: now, CARD: card}

    def judged(claims, key=private, headers=None, tagged=False, smaller=True):
        if headers:
            signed = COSE.new().encode_and_sign(cbor2.dumps(claims), key, **headers)
        else:
            signed = cwt.encode_and_sign(claims, key, tagged=tagged)
        (room / "theirs").write_bytes(with_s(signed, smaller))
        return verify(room, "--file", room / "theirs")

    code, faults, record = judged(good)
    check("a record that cwt signed is good", (code, faults) == (0, []))
    check("and says what it said", record and record["fields"] == {"nama": "RINA", "hobi": "CATUR"})
    outside = {"protected": {COSEHeaders.ALG: -7}, "unprotected": {COSEHeaders.KID: kid}}
    check("the key's name may stand outside", judged(good, headers=outside)[:2] == (0, []))
    check("a token's own tag around it", judged(good, tagged=True)[:2] == (3, ["not_a_record"]))
    check("the larger of the two signatures", judged(good, smaller=False)[:2] == (3, ["changed"]))
    mixed = {CARD: card, **{claim: good[claim] for claim in (6, 5, 4, 1)}}
    check("claims in another order", judged(mixed)[:2] == (3, ["not_a_record"]))
    check("expired", judged({**good, 4: now - 60})[:2] == (3, ["expired"]))
    check("from tomorrow", judged({**good, 4: now + 300000, 5: now, 6: now + 200000})[:2] == (3, ["from_the_future"]))
    check("a token of another kind", judged({1: "x", 6: now})[:2] == (3, ["not_a_record"]))
    other = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
                           check=True, capture_output=True).stdout
    for name, wanted in ((kid, "changed"), (b"somebody", "unknown_key")):
        forger = COSEKey.from_pem(other, alg="ES256", kid=name)
        check(f"a forger: {wanted}", judged(good, forger)[:2] == (3, [wanted]))


def main():
    with tempfile.TemporaryDirectory() as folder:
        room = Path(folder)
        (room / "kartud.toml").write_text(CONFIG)
        kid = make_key(room)
        open_ours(room, kid)
        judge_theirs(room, kid)
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


main()
