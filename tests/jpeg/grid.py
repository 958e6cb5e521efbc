"""The grid of JPEG files that libjpeg (cjpeg, djpeg) and our decoder both read.

A file is right when no channel of a pixel differs by more than MAX and none by more than MEAN on average. Both use
the same transform and the same triangle filter for colours of half size, so what differs is the rounding: one step
in a filter, times 1.77 in the conversion from YCbCr.
"""
import itertools
import pathlib
import random
import subprocess
import sys
import tempfile

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageStat

MAX, MEAN = 4, 0.6

SAMPLINGS = {
    "444": "1x1,1x1,1x1", "422": "2x1,1x1,1x1", "420": "2x2,1x1,1x1", "440": "1x2,1x1,1x1",
    "411": "4x1,1x1,1x1", "410": "4x2,1x1,1x1", "441": "1x4,1x1,1x1", "311": "3x1,1x1,1x1",
    "chroma-finer": "1x1,2x2,2x2", "chroma-wider": "1x1,2x1,2x1", "blue-finer": "1x1,2x2,1x1",
    "all-double": "2x2,2x2,2x2", "mixed": "2x2,2x1,1x2",
}
SIZES = [(97, 64), (64, 97), (49, 33), (16, 16), (17, 8), (7, 40), (1, 1)]
RESTARTS = {"none": [], "each": ["-restart", "1B"], "3": ["-restart", "3B"], "row": ["-restart", "1"]}
SCANS = {
    "one": ["-baseline"],
    "each": ["-baseline", "-scans", "0;\n1;\n2;\n"],
    "two": ["-baseline", "-scans", "0;\n1 2;\n"],
    "progressive": ["-progressive"],
    "bits": ["-scans", "0 1 2: 0-0, 0, 2;\n0: 1-9, 0, 2;\n1: 1-63, 0, 1;\n2: 1-63, 0, 1;\n0: 10-63, 0, 2;\n"
             "0 1 2: 0-0, 2, 1;\n0: 1-63, 2, 1;\n0: 1-63, 1, 0;\n1: 1-63, 1, 0;\n2: 1-63, 1, 0;\n0 1 2: 0-0, 1, 0;\n"],
}


def picture(size, seed):
    """Soft colours, hard edges and noise: what a portrait before a wall has, and worse."""
    chance = random.Random(seed)
    large = Image.new("RGB", (160, 160), (200, 30, 40))
    draw = ImageDraw.Draw(large)
    for _ in range(40):
        x, y, r = chance.randrange(160), chance.randrange(160), chance.randrange(3, 40)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=tuple(chance.randrange(256) for _ in range(3)))
    soft = large.filter(ImageFilter.GaussianBlur(1.2))
    noise = Image.effect_noise((160, 160), 20).convert("RGB")
    return Image.blend(soft, noise, 0.08).crop((0, 0, *size))


def cjpeg(folder, ppm, options):
    arguments = list(options)
    if "-scans" in arguments:
        at = arguments.index("-scans") + 1
        script = folder / "script.txt"
        script.write_text(arguments[at])
        arguments[at] = str(script)
    return subprocess.run(["cjpeg", *arguments, str(ppm)], capture_output=True)


def djpeg(jpeg):
    return subprocess.run(["djpeg", "-dct", "int", "-pnm", str(jpeg)], capture_output=True, check=True).stdout


def grid(folder):
    """(name, options, size): every combination that libjpeg writes."""
    for (s, sampling), (r, restart), (c, scans), size in itertools.product(
        SAMPLINGS.items(), RESTARTS.items(), SCANS.items(), SIZES
    ):
        yield f"{s}-{c}-{r}-{size[0]}x{size[1]}", ["-sample", sampling, *restart, *scans, "-quality", "88"], size
    for (r, restart), size in itertools.product(RESTARTS.items(), SIZES):
        yield f"grey-one-{r}-{size[0]}x{size[1]}", ["-grayscale", *restart, "-quality", "88"], size
        yield f"grey-progressive-{r}-{size[0]}x{size[1]}", ["-grayscale", "-progressive", *restart], size
        yield f"grey-2x2-{r}-{size[0]}x{size[1]}", ["-grayscale", "-sample", "2x2", *restart], size
        yield f"rgb-{r}-{size[0]}x{size[1]}", ["-rgb", *restart, "-quality", "88"], size
        yield f"rgb-progressive-{r}-{size[0]}x{size[1]}", ["-rgb", "-progressive", *restart], size
        # Tables of 16 bits make an extended file (SOF1).
        yield f"extended-{r}-{size[0]}x{size[1]}", ["-quality", "4", *restart], size
        yield f"optimised-{r}-{size[0]}x{size[1]}", ["-optimize", "-quality", "97", *restart], size


def refused(folder):
    """Legal files that are not decoded and must be refused with their reason."""
    ppm = folder / "refused.ppm"
    picture((64, 48), 1).save(ppm)
    made = []
    for name, options in {"arithmetic": ["-arithmetic"], "arithmetic-progressive": ["-arithmetic", "-progressive"],
                          "uneven": ["-sample", "3x1,2x1,1x1"]}.items():
        done = cjpeg(folder, ppm, options)
        if done.returncode == 0:
            made.append(folder / f"refused-{name}.jpg")
            made[-1].write_bytes(done.stdout)
    for mode in ["CMYK"]:
        made.append(folder / f"refused-{mode}.jpg")
        picture((64, 48), 2).convert(mode).save(made[-1], quality=90)
    return made


def small(folder):
    """One small file of each kind and what libjpeg makes of it."""
    folder.mkdir(exist_ok=True)
    kinds = {name: ["-sample", SAMPLINGS[name], "-quality", "80"] for name in
             ["444", "422", "420", "440", "411", "chroma-finer", "mixed"]}
    kinds |= {f"{scans}-420": ["-sample", "2x2,1x1,1x1", *SCANS[scans]] for scans in SCANS if scans != "one"}
    kinds |= {
        "grey": ["-grayscale"], "rgb": ["-rgb"], "extended": ["-quality", "4"],
        "restarts": ["-sample", "2x2,1x1,1x1", "-restart", "1B"],
        "restarts-progressive": ["-progressive", "-restart", "2B"],
        "restarts-each": ["-sample", "2x1,1x1,1x1", *SCANS["each"], "-restart", "3B"],
    }
    ppm = folder / "picture.ppm"
    picture((45, 35), 3).save(ppm)
    for name, options in kinds.items():
        path = folder / f"{name}.jpg"
        path.write_bytes(cjpeg(folder, ppm, options).stdout)
        (folder / f"{name}.pnm").write_bytes(djpeg(path))
    ppm.unlink()
    (folder / "script.txt").unlink()


def differences(ours, theirs):
    difference = ImageChops.difference(ours, theirs)
    most = max(high for _, high in ImageStat.Stat(difference).extrema)
    return most, max(ImageStat.Stat(difference).mean)


def main():
    decoder = sys.argv[1]
    if sys.argv[2:3] == ["small"]:
        small(pathlib.Path(__file__).parent / "small")
        return subprocess.run([sys.executable, pathlib.Path(__file__).parent / "portraits.py"], check=True).returncode
    faults, compared, unwritten, worst = [], 0, 0, (0, 0.0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        for n, size in enumerate(SIZES):
            picture(size, n).save(folder / f"{size[0]}x{size[1]}.ppm")
        files = []
        for name, options, size in grid(folder):
            done = cjpeg(folder, folder / f"{size[0]}x{size[1]}.ppm", options)
            if done.returncode != 0:
                unwritten += 1
                continue
            files.append(folder / f"{name}.jpg")
            files[-1].write_bytes(done.stdout)
        odd = refused(folder)
        said = subprocess.run([decoder, "1", *map(str, files + odd)], capture_output=True, text=True, check=True)
        answers = dict(line.rsplit(": ", 1) for line in said.stdout.splitlines())
        for path in files:
            if answers.get(str(path)) != "ok":
                faults.append(f"{path.name}: {answers.get(str(path))}")
                continue
            reference = folder / "reference.ppm"
            reference.write_bytes(djpeg(path))
            theirs, ours = Image.open(reference), Image.open(f"{path}.ppm")
            if (ours.size, ours.mode) != (theirs.size, theirs.mode):
                faults.append(f"{path.name}: {ours.size} {ours.mode}, libjpeg {theirs.size} {theirs.mode}")
                continue
            most, mean = differences(ours, theirs)
            compared += 1
            worst = (max(worst[0], most), max(worst[1], mean))
            if most > MAX or mean > MEAN:
                faults.append(f"{path.name}: most {most}, mean {mean:.2f}")
        for path in odd:
            if "Unsupported" not in answers.get(str(path), ""):
                faults.append(f"{path.name}: {answers.get(str(path))}, and should be refused with its reason")
    print("\n".join(faults[:60]))
    print(f"{compared} files as libjpeg decodes them, {len(odd)} refused by name, {unwritten} not written by cjpeg,"
          f" {len(faults)} faults; worst difference {worst[0]} of 255, worst mean {worst[1]:.2f}")
    return 1 if faults or compared < 1000 else 0


if __name__ == "__main__":
    sys.exit(main())
