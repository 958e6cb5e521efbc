"""Prints on every model that the SDK and the emulated printer share, held against their pictures."""

from evolis import CardFace, Connection, OpenMode, PrintSession, ReturnCode, SettingKey
from PIL import Image, ImageChops, ImageStat

from bench import Machine, bitmap, source

# R + G + B of the lightest colour that the SDK prints in resin (Evolis wire notes, section 5).
RESIN_SUM_MAX = 18


def black_as_resin(picture):
    """The picture as the black rule prints it: resin is black, whatever the colour was."""
    red, green, blue = picture.split()
    light = ImageChops.add(ImageChops.add(red, green), blue).point(lambda sum: 255 if sum > RESIN_SUM_MAX else 0)
    return Image.composite(picture, Image.new("RGB", picture.size), light)


def seven_bits(picture):
    """The picture as levels of 7 bits show it."""
    resin = black_as_resin(picture)
    levels = resin.point(lambda value: 255 - (((255 - value) >> 1) * 255 + 63) // 127)
    # Resin is black, not the darkest dye.
    black = resin.convert("L").point(lambda value: 0 if value == 0 else 255)
    return Image.composite(levels, resin, black)


def two_levels(picture):
    """Black and white only, so that no screening is asked of anybody."""
    return picture.convert("L").point(lambda value: 255 if value > 127 else 0).convert("RGB")


def farthest(seen, wanted):
    """The largest difference of any channel of any pixel."""
    return max(high for _, high in ImageChops.difference(seen, wanted).getextrema())


def mean_difference(seen, wanted):
    return max(ImageStat.Stat(ImageChops.difference(seen, wanted.resize(seen.size))).mean)


def session(printer, machine, front, back=None):
    prints = PrintSession(printer)
    prints.init()
    prints.set_image(CardFace.FRONT, bitmap(front, machine.out, "front.bmp"))
    if back is not None:
        prints.set_image(CardFace.BACK, bitmap(back, machine.out, "back.bmp"))
    prints.set_setting(SettingKey.GSmoothing, "NOSMOOTH")
    return prints


def run(kartud, count):
    badge, marks = source("badge.png"), source("marks.png")
    exact = black_as_resin(badge)
    for model, ribbon, back, wanted, sets in [
        ("Primacy", "YMCKO", marks, (exact, black_as_resin(marks)), 2),
        ("Primacy", "YMCKO", None, (exact, None), 1),
        # Half panels are sent whole: where the short dye goes is the machine's affair.
        ("Primacy", "YMCKOS", None, (exact, None), 1),
        ("Elypso", "YMCKO", None, (exact, None), 1),
        ("KC200", "YMCKO", None, (exact, None), 1),
        ("Zenius", "YMCKO", None, (seven_bits(badge), None), 1),
    ]:
        with Machine(kartud, model=model, ribbon=ribbon) as machine:
            printer = Connection(machine.url, OpenMode.DIRECT)
            count.same(f"{model} {ribbon}", session(printer, machine, badge, back).print(), ReturnCode.OK)
            for side, picture in zip(("front", "back"), wanted):
                seen = machine.card(1, side)
                if picture is None:
                    count.same(f"{model} {side}", seen, None)
                elif seen is None:
                    count.true(f"{model} has no {side}", False)
                else:
                    count.same(f"{model} {ribbon} {side}: farthest pixel", farthest(seen, picture), 0)
            finished(count, model, machine, sets)
            count.same(f"{model} ribbon", printer.get_ribbon_info().remaining, 300 - sets)
            printer.close()
    loosely(kartud, count, badge)
    resin_ribbons(kartud, count, badge)
    many(kartud, count, badge)


def finished(count, what, machine, sets):
    state = machine.state()
    inner = state["machine"]
    count.same(f"{what}: cards", (inner["cards_entered"], inner["cards_finished"]), (1, 1))
    count.same(f"{what}: ribbon", state["ribbon_left"], 300 - sets)
    count.same(f"{what}: not understood", inner["not_understood"]["last_names"], [])
    count.same(f"{what}: let go", (inner["claim"], inner["session"], inner["error_management"]), (False, 0, 0))


def loosely(kartud, count, badge):
    """The SDK has a profile of its own for these models, or scales the picture to another head."""
    for model, size in [("Primacy 2", (1016, 648)), ("Zenius 2 Classic", (1016, 648)), ("Badgy200", (1016, 562)),
                        ("Badgy100", (1016, 562))]:
        with Machine(kartud, model=model) as machine:
            printer = Connection(machine.url, OpenMode.DIRECT)
            count.same(model, session(printer, machine, badge).print(), ReturnCode.OK)
            seen = machine.card(1)
            count.same(f"{model} size", seen and seen.size, size)
            difference = mean_difference(seen, black_as_resin(badge))
            count.true(f"{model}: mean difference {difference:.1f}", difference < 12)
            # A picture upside down or with its dyes exchanged must not pass for a likeness.
            count.true(f"{model} upside down", mean_difference(seen.rotate(180), black_as_resin(badge)) > 24)
            finished(count, model, machine, 1)
            printer.close()


def resin_ribbons(kartud, count, badge):
    text = two_levels(badge)
    for ribbon in ["KBLACK", "KO"]:
        with Machine(kartud, ribbon=ribbon) as machine:
            printer = Connection(machine.url, OpenMode.DIRECT)
            prints = session(printer, machine, text)
            count.same(ribbon, prints.print(), ReturnCode.OK)
            count.same(f"{ribbon}: farthest pixel", farthest(machine.card(1), text), 0)
            finished(count, ribbon, machine, 1)
            printer.close()


def many(kartud, count, badge):
    """Other ribbons of colour, and a card that is encoded first and then printed."""
    for ribbon in ["YMCKOK", "YMCKOS"]:
        with Machine(kartud, ribbon=ribbon) as machine:
            printer = Connection(machine.url, OpenMode.DIRECT)
            count.same(ribbon, session(printer, machine, badge).print(), ReturnCode.OK)
            count.same(f"{ribbon}: farthest pixel", farthest(machine.card(1), black_as_resin(badge)), 0)
            finished(count, ribbon, machine, 1)
            printer.close()
    with Machine(kartud) as machine:
        printer = Connection(machine.url, OpenMode.DIRECT)
        count.true("a blank is inside", printer.insert_card())
        prints = session(printer, machine, badge)
        prints.set_auto_eject(False)
        count.same("stays inside", prints.print(), ReturnCode.OK)
        card = machine.state()["machine"]["card"]
        count.same("stays inside", card and (card["number"], card["place"]), (1, "head"))
        count.true("let out", printer.eject_card())
        finished(count, "stays inside", machine, 1)
        printer.close()
