"""The tray of the emulated printer: takes the cards up as they come out, and reads whose they are.

Knows nothing of the station: what physically came out is told by the printer's own pictures. A job's number stands in
the address on its card; ten cards with the numbers 0000000 to 9999999 teach how each digit looks in each place.
"""

import collections
import hashlib
import io
import threading
import time

from PIL import Image, ImageChops

DIGITS = 7
TEACHERS = [int(str(digit) * DIGITS) for digit in range(10)]
LOOK_EVERY_S = 0.02
# Resin is 0, the card and its colours are far above.
RESIN_BELOW = 48

Card = collections.namedtuple("Card", "number rejected whole")


class Tray(threading.Thread):
    """Takes up and reads every card, in a thread of its own."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.cards, self.ended, self.broken = folder, [], False, None
        self.glyphs, self.box, self.rest = {}, None, None

    def learn(self):
        """From the first ten cards, which came out in the order in which they were posted."""
        images = [Image.open(path) for path in sorted(self.folder.glob("card-*-front.png"))]
        if len(images) != len(TEACHERS):
            raise SystemExit(f"{len(images)} cards came out before the first kill, and not {len(TEACHERS)}")
        boxes = [ImageChops.difference(images[0], image).getbbox() for image in images[1:]]
        self.box = (min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes))
        for digit, image in enumerate(images):
            for place, look in enumerate(self.looks(image)):
                if self.glyphs.setdefault((place, look), digit) != digit:
                    raise SystemExit("two digits look the same on the card")
        self.rest = self.all_but_number(images[0])

    def looks(self, image):
        """The pixels of each digit."""
        number = image.crop(self.box).convert("L").point(lambda level: 255 * (level < RESIN_BELOW))
        width, height = number.size
        edges = [round(place * width / DIGITS) for place in range(DIGITS + 1)]
        return [number.crop((left, 0, right, height)).tobytes() for left, right in zip(edges, edges[1:])]

    def all_but_number(self, image):
        image = image.copy()
        image.paste((255, 255, 255), self.box)
        return hashlib.blake2b(image.tobytes()).digest()

    def read(self, path):
        image = Image.open(io.BytesIO(path.read_bytes()))
        digits = [self.glyphs.get((place, look)) for place, look in enumerate(self.looks(image))]
        number = None if None in digits else int("".join(map(str, digits)))
        return Card(number, "rejected" in path.name, self.all_but_number(image) == self.rest)

    def take_up(self):
        """Every card that lies there now; a card that was read does not stay on the disk."""
        for path in sorted(self.folder.glob("card-*-front.png")):
            self.cards.append(self.read(path))
            path.unlink()

    def run(self):
        try:
            while not self.ended:
                self.take_up()
                time.sleep(LOOK_EVERY_S)
            self.take_up()
        except OSError as fault:
            self.broken = fault

    def good(self):
        """Number: how many good cards of it came out."""
        return collections.Counter(card.number for card in list(self.cards) if not card.rejected and card.whole)
