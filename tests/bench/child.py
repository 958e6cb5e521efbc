"""The job that both sides of a benchmark carry out: a sample child's envelope and a drawn portrait, no real person.

child.py DIR writes DIR/job.json and DIR/photo.jpg (150,000 bytes: what a 600 x 800 photo from a phone has).
"""

import datetime
import hashlib
import json
import pathlib
import random
import sys

from PIL import Image, ImageDraw, ImageFilter

PHOTO_BYTES = 150_000
# Where each request puts its own number; the same words stand in intake.rs.
NUMBER_HOLE = "00000000-NUMBER-OF-THIS-JOB-00000000"
RED = (219, 21, 20)  # the background of a child born in an odd year
SAMPLES = pathlib.Path(__file__).parents[2] / "config/kia-samples.json"
# What the sample says about itself; the product derives kind and validity.
NOT_FIELDS = {"id", "case", "latar", "jenis_kia", "berlaku_hingga"}


def portrait():
    """Head and shoulders on red, with the grain of a camera so that it packs like a photo."""
    image = Image.new("RGB", (600, 800), RED)
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 590, 510, 1100), fill=(238, 240, 244))
    draw.rectangle((255, 500, 345, 640), fill=(186, 134, 104))
    draw.ellipse((170, 150, 430, 560), fill=(198, 146, 114))
    draw.chord((160, 120, 440, 480), 180, 360, fill=(34, 26, 24))
    for x in (250, 350):
        draw.ellipse((x - 22, 335, x + 22, 358), fill=(250, 250, 250))
        draw.ellipse((x - 10, 336, x + 10, 357), fill=(40, 26, 20))
    draw.arc((245, 400, 355, 490), 30, 150, fill=(140, 60, 60), width=8)
    image = image.filter(ImageFilter.GaussianBlur(1.5))
    grain = random.Random(2026)
    noise = Image.frombytes("L", image.size, bytes(grain.randrange(96, 160) for _ in range(600 * 800)))
    return Image.blend(image, Image.merge("RGB", (noise,) * 3), 0.12)


def jpeg(image, path):
    """The best quality that stays under PHOTO_BYTES, filled up with a JPEG comment to exactly that."""
    for quality in range(97, 40, -1):
        image.save(path, "JPEG", quality=quality)
        room = PHOTO_BYTES - path.stat().st_size - 4
        if room >= 0:
            break
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xfe" + (room + 2).to_bytes(2, "big") + bytes(room) + data[2:])


def envelope(photo):
    """The good sample S2, approved today."""
    child = next(c for c in json.loads(SAMPLES.read_text())["children"] if c["id"] == "S2")
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    fields = {name: value for name, value in child.items() if name not in NOT_FIELDS}
    fields["tgl_terbit"] = now.date().isoformat()
    papers = [{"kind": kind, "sha256": hashlib.sha256(kind.encode()).hexdigest()} for kind in ("KK", "AKTA")]
    papers.append({"kind": "FOTO", "sha256": hashlib.sha256(photo).hexdigest()})
    return {
        "product": "kia",
        "ref": NUMBER_HOLE,
        "reason": "BARU",
        "fields": fields,
        "attachments": papers,
        "recommendation": {
            "nomor": NUMBER_HOLE,
            "keputusan": "SETUJU",
            "oleh": {"nama": "CONTOH KASI", "nip": "197001011995011999", "jabatan": "KASI IDENTITAS PENDUDUK"},
            "pada": now.isoformat(),
            "kadaluarsa": (now + datetime.timedelta(days=7)).isoformat(),
            "daftar_periksa": {"kk": True, "akta": True, "foto": True, "data_cocok": True},
        },
    }


def main():
    into = pathlib.Path(sys.argv[1])
    into.mkdir(parents=True, exist_ok=True)
    photo = into / "photo.jpg"
    jpeg(portrait(), photo)
    (into / "job.json").write_text(json.dumps(envelope(photo.read_bytes()), ensure_ascii=False))


if __name__ == "__main__":
    main()
