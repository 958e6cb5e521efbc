"""The maker's SDK makes a job of two pictures, again and again, and never prints it: ms a job, a line each.

print_peer.py KARTUD FRONT.png BACK.png JOBS: an emulated Primacy answers its questions. Pictures as BMP and no
smoothing, as captured in the Evolis wire notes, section 8.
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "sdk"))

from evolis import CardFace, Connection, OpenMode, PrintSession, ReturnCode, SettingKey  # noqa: E402
from PIL import Image  # noqa: E402

from bench import Machine, bitmap  # noqa: E402


def main():
    kartud, front, back, jobs = sys.argv[1:]
    with Machine(kartud) as machine:
        faces = []
        for name, side in ((front, CardFace.FRONT), (back, CardFace.BACK)):
            with Image.open(name) as picture:
                faces.append((side, bitmap(picture.convert("RGB"), machine.out, pathlib.Path(name).stem + ".bmp")))
        printer = Connection(machine.url, OpenMode.DIRECT)
        for _ in range(int(jobs)):
            prints = PrintSession(printer)
            prints.init()
            prints.set_setting(SettingKey.GSmoothing, "NOSMOOTH")
            began = time.perf_counter()
            for side, path in faces:
                prints.set_image(side, path)
            made = prints.print_to_file(str(machine.out / "job.prn"))
            print(f"{(time.perf_counter() - began) * 1000:.3f}")
            if made != ReturnCode.OK or (machine.out / "job.prn").stat().st_size < 4_000_000:
                raise SystemExit(f"no whole job: {made}")


if __name__ == "__main__":
    main()
