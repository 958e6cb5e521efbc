"""Writes tests/jpeg/portraits/: one drawn child in the kinds of files that decoders and colour conversions trip over.
What stands in `as-srgb.png` is LittleCMS's conversion (Pillow's ImageCms) of `display-p3.jpg`."""
import io
import pathlib
import struct
import subprocess
import zlib

from PIL import Image, ImageCms, ImageDraw

FOLDER = pathlib.Path(__file__).parent / "portraits"
BLUE = (32, 74, 190)


def child():
    """Twice as large and halved, so that edges are soft."""
    picture = Image.new("RGB", (600, 900), BLUE)
    draw = ImageDraw.Draw(picture)
    draw.ellipse((30, 640, 570, 1200), fill=(150, 214, 190))
    draw.ellipse((230, 520, 370, 760), fill=(200, 150, 115))
    draw.ellipse((150, 210, 450, 590), fill=(226, 180, 143))
    draw.ellipse((135, 160, 465, 380), fill=(40, 28, 24))
    for x in (240, 360):
        draw.ellipse((x - 26, 372, x + 26, 412), fill=(250, 250, 250))
        draw.ellipse((x - 15, 376, x + 15, 408), fill=(40, 24, 18))
    draw.line((290, 440, 310, 440), fill=(150, 100, 70), width=8)
    draw.arc((255, 440, 345, 520), 30, 150, fill=(170, 70, 70), width=10)
    draw.ellipse((150, 740, 220, 810), fill=(20, 150, 60))
    return picture.resize((300, 450), Image.LANCZOS)


def display_p3():
    """A profile as telephones embed it: Display P3's primaries with sRGB's curve (its first and last tags from LittleCMS)."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    p3 = {b"rXYZ": (0.51512, 0.24120, -0.00105), b"gXYZ": (0.29198, 0.69225, 0.04189), b"bXYZ": (0.15710, 0.06657, 0.78407)}
    return with_tags(srgb, p3)


def with_tags(profile, colorants):
    out = bytearray(profile)
    for n in range(struct.unpack(">I", profile[128:132])[0]):
        name, offset, _ = struct.unpack(">4sII", profile[132 + 12 * n:144 + 12 * n])
        if name in colorants:
            fixed = [round(value * 65536) for value in colorants[name]]
            out[offset + 8:offset + 20] = struct.pack(">3i", *fixed)
    return bytes(out)


def swapping():
    """A profile by which red is green and green is red."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red, green = (0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708)
    return with_tags(srgb, {b"rXYZ": green, b"gXYZ": red})


def cjpeg(picture, *options):
    source = io.BytesIO()
    picture.save(source, "ppm")
    return subprocess.run(["cjpeg", "-quality", "88", *options], input=source.getvalue(), capture_output=True, check=True).stdout


def exif_behind_pixels(picture, orientation):
    """A PNG whose eXIf chunk stands behind IDAT, as ImageMagick writes it."""
    source = io.BytesIO()
    picture.save(source, "png")
    body = struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    chunk = struct.pack(">I", len(body)) + b"eXIf" + body + struct.pack(">I", zlib.crc32(b"eXIf" + body))
    png = source.getvalue()
    end = png.rindex(b"IEND") - 4
    return png[:end] + chunk + png[end:]


def main():
    FOLDER.mkdir(exist_ok=True)
    picture = child()
    write = lambda name, data: (FOLDER / name).write_bytes(data)
    script = FOLDER / "script.txt"
    script.write_text("0;\n1;\n2;\n")
    write("ordinary.jpg", cjpeg(picture))
    write("scan-each.jpg", cjpeg(picture, "-scans", str(script)))
    script.unlink()
    write("chroma-finer.jpg", cjpeg(picture, "-sample", "1x1,2x2,2x2"))
    write("progressive.jpg", cjpeg(picture, "-progressive", "-restart", "2"))
    write("arithmetic.jpg", cjpeg(picture, "-arithmetic"))
    p3 = ImageCms.ImageCmsProfile(io.BytesIO(display_p3()))
    srgb = ImageCms.createProfile("sRGB")
    picture.save(FOLDER / "display-p3.jpg", quality=92, subsampling=0, icc_profile=p3.tobytes())
    stored = Image.open(FOLDER / "display-p3.jpg").convert("RGB")
    seen = ImageCms.profileToProfile(stored, p3, srgb, renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC)
    seen.save(FOLDER / "as-srgb.png")
    red, green, blue = picture.split()
    Image.merge("RGB", (green, red, blue)).save(FOLDER / "swapped.jpg", quality=92, subsampling=0, icc_profile=swapping())
    picture.save(FOLDER / "broken-profile.jpg", quality=88, icc_profile=b"no profile" * 20)
    picture.convert("CMYK").save(FOLDER / "cmyk.jpg", quality=85)
    write("turned.png", exif_behind_pixels(picture.transpose(Image.ROTATE_180), 3))


main()
