"""What goes wrong before and during a print, and what the SDK says of it."""

from evolis import Connection, OpenMode, ReturnCode

from bench import Machine, source
from cards import session

MECHANICAL, ACTION = ReturnCode.PRINT_EMECHANICAL, ReturnCode.PRINT_NEEDACTION
# Flags that are set before the job (Evolis wire notes, section 2): nothing is sent.
BEFORE = {
    "error": {name: MECHANICAL for name in [
        "HEAD_TEMP", "FEEDER_ERROR", "RIBBON_ERROR", "COVER_OPEN", "MECHANICAL", "REJECT_BOX_FULL", "BAD_RIBBON",
        "RIBBON_ENDED", "HOPPER_FULL", "BLANK_TRACK", "MAGNETIC_DATA", "READ_MAGNETIC", "WRITE_MAGNETIC",
        "CLEAR_ERROR", "CLEAR_ENDED", "FEEDER_OPEN"]},
    "warning": {"COOLING": MECHANICAL, **{name: ACTION for name in [
        "COVER_OPEN", "NO_RIBBON", "REMOVE_RIBBON", "REJECT_BOX_FULL", "CARD_ON_EJECT", "FEEDER_EMPTY", "HOPPER_FULL",
        "RIBBON_ENDED", "PRINTER_LOCKED", "UNSUPPORTED_RIBBON", "NO_CLEAR", "CLEAR_END", "FEEDER_OPEN"]}},
}
# Hands on the machine, what the SDK says, and the hands that put it right.
HANDS = [
    ("open_cover", None, ACTION, "close_cover", None),
    ("empty_feeder", None, ACTION, "load_feeder", 50),
    ("end_ribbon", None, ACTION, "new_ribbon", None),
    ("lock", None, ACTION, "unlock", None),
    ("remove_ribbon", None, ACTION, "put_ribbon", 0),
]
# What goes wrong while the card is printed, and what puts it right besides `clear_mechanical_errors`.
DURING = [
    ("open_cover_after_panels", 2, "close_cover", None),
    ("end_ribbon_after_panels", 2, "new_ribbon", None),
    ("jam", "head", "take_card_out", None),
    ("jam", "eject", "take_card_out", None),
]


def run(kartud, count):
    badge = source("badge.png")
    with Machine(kartud, "--blanks", "100", slowness=0.05) as machine:
        printer = Connection(machine.url, OpenMode.DIRECT)
        prints = session(printer, machine, badge)
        before(count, machine, prints)
        hands(count, machine, prints)
        during(count, machine, printer, prints)
        wire(count, machine, printer, prints)
        count.same("not understood", machine.state()["machine"]["not_understood"]["last_names"], [])
        printer.close()


def before(count, machine, prints):
    for word, names in BEFORE.items():
        for name, wanted in names.items():
            machine.set(forced={word: [name]})
            count.same(f"{word} {name}", prints.print(), wanted)
    count.same("nothing was printed", machine.state()["machine"]["cards_entered"], 0)
    for word, name in [("information", "RIBBON_LOW"), ("information", "CLEANING"), ("warning", "POWER_SUPPLY")]:
        machine.set(forced={word: [name]})
        count.same(f"{word} {name}", prints.print(), ReturnCode.OK)
    machine.set(forced={})


def hands(count, machine, prints):
    cards = machine.state()["machine"]["cards_entered"]
    for lever, argument, wanted, cure, with_what in HANDS:
        machine.pull(lever, argument)
        count.same(lever, prints.print(), wanted)
        machine.pull(cure, with_what)
    count.same("nothing was printed", machine.state()["machine"]["cards_entered"], cards)
    count.same("all is well", prints.print(), ReturnCode.OK)


def during(count, machine, printer, prints):
    # Slow enough that CLAIM is seen before anything goes wrong: a job that loses it earlier is waited for to the end
    # of the SDK's patience (300 s).
    machine.set(slowness=0.25)
    for lever, argument, cure, with_what in DURING:
        finished = machine.state()["machine"]["cards_finished"]
        machine.pull(lever, argument)
        count.same(f"{lever} {argument}", prints.print(), MECHANICAL)
        inner = machine.state()["machine"]
        count.same(f"{lever}: let go", (inner["claim"], inner["session"], inner["cards_finished"]), (False, 0, finished))
        count.true(f"{lever}: a card is inside", inner["card"] is not None)
        machine.pull(cure, with_what)
        if cure != "take_card_out":
            count.true(f"{lever}: cleared", printer.clear_mechanical_errors())
            count.true(f"{lever}: rejected", printer.reject_card())
        count.same(f"after {lever}", prints.print(), ReturnCode.OK)
    machine.set(slowness=0.05)
    rejected = list(machine.out.glob("card-*-rejected-front.png"))
    count.same("rejected cards lie apart", (len(rejected), machine.state()["reject_box_cards"]), (2, 2))


def wire(count, machine, printer, prints):
    """A job has six exchanges before its first part: the wire is cut in the first part, which is the longest."""
    entered = machine.state()["machine"]["cards_entered"]
    machine.pull("cut_power_after_bytes", 1_000_000)
    count.same("power cut in the job", prints.print(), ReturnCode.PRINTER_ENOCOM)
    inner = machine.state()["machine"]
    count.same("power cut in the job", (inner["cards_entered"], inner["claim"]), (entered + 1, False))
    machine.pull("power_on")
    machine.pull("take_card_out")
    count.same("after the power cut", prints.print(), ReturnCode.OK)
    for after in range(4):
        machine.pull("spoil_answers", {"how": "hang_up_unanswered", "after": after})
        result = prints.print()
        count.true(f"no answer in exchange {after}: {result}", result != ReturnCode.OK)
    machine.pull("spoil_answers", {"how": {"delay_ms": 300}, "after": 2, "times": 4})
    count.same("late answers", prints.print(), ReturnCode.OK)
    machine.pull("spoil_answers", {"how": {"garble": 7}, "times": 40})
    count.true("garbled answers", prints.print() != ReturnCode.OK)
    machine.set(spoil_answers=None)
    count.same("all is well", prints.print(), ReturnCode.OK)
