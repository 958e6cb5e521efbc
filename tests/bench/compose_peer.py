"""The peer of `tests/bench/compose`: Pillow draws the two faces, Gutenprint's filter turns them into wire bytes.

compose_peer.py JOB.json PHOTO.jpg CARDS PPD [--show DIR] prints one card's ms a line: "faces filter".
Written as a careful user would: layout, fonts and the static layer of each face are prepared once.
"""

import argparse
import json
import os
import pathlib
import struct
import subprocess
import time

from PIL import Image, ImageDraw, ImageFont, ImageOps

ROOT = pathlib.Path(__file__).parents[2]
LAYOUT = json.loads((pathlib.Path(__file__).parent / "kia-layout.json").read_text())
FONTS = {"label": "RobotoCondensed-Regular", "value": "RobotoCondensed-Bold", "mono": "DejaVuSansMono-Bold"}
FILTER = "/usr/lib/cups/filter/rastertogutenprint.5.3"
WIDTH, HEIGHT = 1016, 642  # the Rio's printable raster, 300 dpi, landscape
PX_A_MM = WIDTH / LAYOUT["card"]["w"]
FLOOR_PT = 5.0
# From the sample office, and derived from the child's data by the product's rules.
OFFICE = {
    "provinsi": "SUMATERA BARAT", "kab_jenis": "KABUPATEN", "kabupaten": "PESISIR SELATAN",
    "nama_dinas": "DINAS KEPENDUDUKAN DAN PENCATATAN SIPIL", "tempat_terbit": "PAINAN",
    "jabatan_1": "KEPALA DINAS KEPENDUDUKAN", "jabatan_2": "DAN PENCATATAN SIPIL",
    "nama_pejabat": "CONTOH PEJABAT, S.Sos., M.Si.", "nip": "19700101 199501 1 999",
    "label_desa": "Kel/Desa/Nagari", "catatan_tte": "Ditandatangani secara elektronik (contoh)",
    "berlaku_hingga": "06-04-2032",
}


def px(mm):
    return round(mm * PX_A_MM)


class Face:
    """One side: what never changes is drawn once, what does on a copy of it."""

    def __init__(self, template, fonts):
        self.fonts = fonts
        self.changing = []
        self.static = Image.new("RGB", (WIDTH, HEIGHT), "white")
        draw = ImageDraw.Draw(self.static)
        for item in LAYOUT["templates"][template]:
            kind = item["type"]
            if kind == "rect":
                x, y = px(item["x"]), px(item["y"])
                draw.rectangle((x, y, x + px(item["w"]), y + max(1, px(item["h"]))), fill=item["fill"])
            elif kind == "row":
                self.label(draw, item, 4.0, item["label"].format_map(OFFICE))
                draw.text((px(item.get("xv", 24.0) - 1.4), px(item["y"])), ":", "black", self.font("label", 6.0), "ls")
                self.changing.append(item | {"x": item.get("xv", 24.0), "font": item.get("vfont", "value")})
            elif kind == "pair":
                self.label(draw, item, item["x_label"], item["label"])
                self.changing.append(item | {"x": item["x_value"], "font": "value"})
            elif kind in ("text", "photo"):
                self.changing.append(item)

    def label(self, draw, item, x, text):
        draw.text((px(x), px(item["y"])), text, "black", self.font("label", 6.0), "ls")

    def font(self, name, pt):
        if (name, pt) not in self.fonts:
            path = ROOT / f"config/fonts/{FONTS[name]}.ttf"
            self.fonts[name, pt] = ImageFont.truetype(path, pt * 25.4 / 72 * PX_A_MM)
        return self.fonts[name, pt]

    def compose(self, values, photo):
        face = self.static.copy()
        draw = ImageDraw.Draw(face)
        for item in self.changing:
            if item["type"] == "photo":
                size = (px(item["w"]), px(item["h"]))
                face.paste(ImageOps.fit(photo, size, Image.Resampling.LANCZOS), (px(item["x"]), px(item["y"])))
                continue
            text, pt = item["src"].format_map(values), item["pt"]
            font = self.font(item["font"], pt)
            while font.getlength(text) > px(item["max_w"]) and pt > FLOOR_PT:
                pt -= 0.25
                font = self.font(item["font"], pt)
            anchor = "ms" if item.get("anchor") == "middle" else "ls"
            draw.text((px(item["x"]), px(item["y"])), text, "black", font, anchor)
        return face


def raster_header():
    """A page header of CUPS raster version 3 (cups/raster.h), as CUPS' own imagetoraster writes it for the PPD."""
    head = bytearray(1796)
    put = lambda at, form, *values: struct.pack_into("<" + form, head, at, *values)
    put(276, "2I", 300, 300)  # HWResolution
    put(284, "4I", 3, 0, 157, 243)  # ImagingBoundingBox, points
    put(312, "2I", 3, 0)  # Margins, points
    put(340, "I", 1)  # NumCopies
    put(352, "2I", 161, 243)  # PageSize, points
    put(372, "2I", HEIGHT, WIDTH)  # cupsWidth, cupsHeight: the card goes in with its short side first
    put(384, "3I", 8, 24, HEIGHT * 3)  # bits a colour, bits a pixel, bytes a line
    put(396, "3I", 0, 1, 1)  # chunky, RGB, compression as the PPD's Resolution says
    put(420, "I", 3)  # cupsNumColors
    put(424, "7f", 1, 161.28, 243.84, 3.6, 0, 157.68, 243.84)  # scaling, cupsPageSize, cupsImagingBBox
    head[1732:1740] = b"w155h244"
    return bytes(head)


def to_wire(faces, header, environment):
    """The filter as CUPS runs it: one process a job, both sides as its two pages."""
    raster = b"3SaR" + b"".join(header + face.transpose(Image.Transpose.ROTATE_90).tobytes() for face in faces)
    command = [FILTER, "1", "bench", "card", "1", ""]
    done = subprocess.run(command, input=raster, env=environment, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True)
    return done.stdout


def card(job, photo, faces, header, environment):
    """One card from the job's bytes to the wire's; the faces, the wire bytes, and the two times in ms."""
    began = time.perf_counter()
    envelope = json.loads(job)
    values = OFFICE | envelope["fields"] | {"ref_cetak": envelope["ref"]}
    for day in ("tgl_lahir", "tgl_terbit"):
        values[day] = "-".join(reversed(values[day].split("-")))
    portrait = Image.open(photo)
    drawn = [face.compose(values, portrait) for face in faces]
    middle = time.perf_counter()
    wire = to_wire(drawn, header, environment)
    return drawn, wire, (middle - began) * 1000, (time.perf_counter() - middle) * 1000


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("job", type=pathlib.Path)
    options.add_argument("photo", type=pathlib.Path)
    options.add_argument("cards", type=int)
    options.add_argument("ppd", type=pathlib.Path)
    options.add_argument("--show", type=pathlib.Path, help="lay the last card's faces and wire bytes here")
    options = options.parse_args()
    fonts = {}
    faces = [Face("kia2-front", fonts), Face("kia2-back", fonts)]
    job, header = options.job.read_bytes(), raster_header()
    environment = os.environ | {"PPD": str(options.ppd)}
    for _ in range(options.cards):
        drawn, wire, faces_ms, filter_ms = card(job, options.photo, faces, header, environment)
        # Three colours of both sides: less would mean that the filter skipped something.
        assert len(wire) > 2 * 3 * WIDTH * HEIGHT * 0.9, f"only {len(wire)} bytes of wire"
        print(f"{faces_ms:.4f} {filter_ms:.4f}", flush=True)
    if options.show:
        for name, face in zip(("front", "back"), drawn):
            face.save(options.show / f"{name}.png")
        (options.show / "wire").write_bytes(wire)


if __name__ == "__main__":
    main()
