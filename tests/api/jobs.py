"""Valid jobs of children and officers who do not exist: each has its own ref, NIK and recommendation."""

import base64
import datetime
import itertools
import pathlib

from PIL import Image

ROOT = pathlib.Path(__file__).parents[2]
ISSUED = "2026-03-02"
FIRST_BIRTHDAY = datetime.date(2021, 6, 1)
BIRTHDAYS = 1500  # all under five on the day of issue: a card of kind A, without a photo
numbers = itertools.count(1)


def recommendation(number):
    return {
        "keputusan": "SETUJU",
        "nomor": f"470/{number}/KIA/2026",
        "oleh": {"nama": "CONTOH KASI", "nip": "197001011995011999", "jabatan": "KASI IDENTITAS PENDUDUK"},
        "daftar_periksa": {"kk": True, "akta": True, "foto": True, "data_cocok": True},
    }


def child(series="API"):
    """The job of another child of kind A at every call."""
    number = next(numbers)
    born = FIRST_BIRTHDAY + datetime.timedelta(days=number % BIRTHDAYS)
    girl = number % 2 == 0
    day = born.day + 40 if girl else born.day
    serial = 9000 + number // BIRTHDAYS
    fields = {
        "nik": f"130105{day:02}{born.month:02}{born.year % 100:02}{serial:04}",
        "nama": f"CONTOH {'PUTRI' if girl else 'PUTRA'} {chr(65 + number % 26)}{chr(65 + number // 26 % 26)}",
        "tempat_lahir": "PAINAN",
        "tgl_lahir": born.isoformat(),
        "jenis_kelamin": "PEREMPUAN" if girl else "LAKI-LAKI",
        "gol_darah": "O",
        "agama": "ISLAM",
        "kewarganegaraan": "WNI",
        "no_kk": "1301050903209001",
        "nama_kepala_keluarga": "BUDI CONTOH",
        "no_akta_kelahiran": f"1301-LU-{born:%d%m%Y}-{serial:04}",
        "alamat": "JL. CONTOH SATU NO. 1",
        "rt": "001",
        "rw": "002",
        "desa": "PAINAN TIMUR PAINAN",
        "kecamatan": "IV JURAI",
        "tgl_terbit": ISSUED,
    }
    return {
        "product": "kia",
        "ref": f"{series}/{number}",
        "reason": "BARU",
        "fields": fields,
        "attachments": [{"kind": "KK", "sha256": "a" * 64}, {"kind": "AKTA", "sha256": "b" * 64}],
        "recommendation": recommendation(f"{series}-{number}"),
    }


def portrait(path):
    """The drawn portrait of the sample card, as a JPEG."""
    card = Image.open(ROOT / "src/render/golden/staf-front.png").convert("RGB")
    card.crop((64, 188, 270, 462)).resize((618, 822), Image.LANCZOS).save(path, quality=92)
    return path.read_bytes()


def officer(photo, series="API"):
    """The job of another officer at every call: a photo and a chip."""
    number = next(numbers)
    decided = recommendation(f"{series}-{number}")
    decided["peringatan_disetujui"] = ["W_PHOTO_SOFT", "W_PHOTO_FACE", "W_PHOTO_BACKGROUND"]
    return {
        "product": "staf",
        "ref": f"{series}/STAF-{number}",
        "reason": "BARU",
        "fields": {
            "nama": "RINA CONTOH, S.Kom.", "jabatan": "OPERATOR", "unit": "PENDAFTARAN PENDUDUK",
            "no_pegawai": f"PS-{number:06}", "berlaku_hingga": "2099-12-31",
        },
        "recommendation": decided,
        "photo": base64.b64encode(photo).decode(),
    }
