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

# How long the SDK looks for a card whose answers are spoilt; its own patience is 300 s.
PATIENCE_MS = 3000


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
    # Whoever looks after the machine would put it right before the SDK sees it.
    machine.set(tended=False)
    for lever, argument, wanted, cure, with_what in HANDS:
        machine.pull(lever, argument)
        count.same(lever, prints.print(), wanted)
        machine.pull(cure, with_what)
    machine.set(tended=True)
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
    # The SDK gets over some answers that it does not get. Whatever it says, it says of the one card that came.
    lost = [{"how": "hang_up_unanswered", "after": after} for after in (0, 1, 3, 5, 7, 8, 9, 10)]
    noise = [{"how": {"garble": seed}, "after": 5, "times": 3} for seed in range(4)]
    failed = 0
    for spoilt in lost + noise:
        finished = machine.state()["machine"]["cards_finished"]
        machine.pull("spoil_answers", spoilt)
        result = prints.print(PATIENCE_MS)
        machine.set(spoil_answers=None)
        came = settled(machine)["cards_finished"] - finished
        failed += result != ReturnCode.OK
        count.true(f"{spoilt}: {result} with {came} cards", came == 1 if result == ReturnCode.OK else came <= 1)
    count.true(f"{failed} lost or garbled answers that the SDK told of", failed > 0)
    machine.pull("spoil_answers", {"how": {"delay_ms": 300}, "after": 2, "times": 4})
    count.same("late answers", prints.print(), ReturnCode.OK)
    count.same("all is well", prints.print(), ReturnCode.OK)


def settled(machine):
    """The machine's own account once it has finished what it was told."""
    while (inner := machine.state()["machine"])["printing"]:
        pass
    # A job whose second part never came still owns the machine; the next job takes it over.
    return inner
