"""Every bit of every status word, forced one by one: the SDK's own name for it, and the state that it makes of it."""

import re

from evolis import Connection, OpenMode, State, Status

from bench import PROJECT, Machine

PREFIX = {"config": "CFG", "information": "INF", "warning": "WAR", "error": "ERR"}
# Bits of the WARNING and ERROR words that the SDK makes no state of (Evolis wire notes, section 2; the second by this
# test: a WARNING bit that the SDK itself calls an information).
SILENT = {"POWER_SUPPLY", "RECEPTACLE_OPEN", "EPS_NO_AUTO", "NO_OPTION", "INTERNAL_PRINTER", "HARDWARE",
          "INF_RIBBON_COMPATIBLE"}
ONLY_WARNING = {"BAD_RIBBON", "BAD_CLEAR"}
INFORMATION = {
    "PRINTING_RUNNING": "READY", "ENCODING_RUNNING": "READY", "CLEANING_RUNNING": "READY", "SLEEP_MODE": "READY",
    "UPDATING_FIRMWARE": "READY", "CLEANING_REQUIRED": "WARNING", "CLEAN_LAST_OUTWARRANTY": "WARNING",
    "WRONG_ZONE_RIBBON": "WARNING", "WRONG_ZONE_ALERT": "WARNING", "WRONG_ZONE_EXPIRED": "ERROR",
}
# Nothing of its own is fitted, so that each bit stands alone, but for the feeder: the SDK makes a state of the warning
# that the feeder is open only where there is one.
BARE = ["ETHERNET", "FLIP", "MAGNETIC", "SMART", "CONTACTLESS"]
ALWAYS = {"CFG_X01", "CFG_FEED_BY_FEEDER", "INF_RESET", "INF_PRINTER_MASTER"}


def bits():
    """Word, mask and name of all 128, as the driver has them."""
    text = (PROJECT / "drivers/printers/evolis/status.rs").read_text()
    for word in PREFIX:
        table = text[text.index(f"    {word}:\n"):]
        for mask, name in re.findall(r"0x([0-9a-f_]+) (\w+),", table[:table.index("}")]):
            yield word, int(mask.replace("_", ""), 16), name


def state_of(word, name):
    ready = ("READY", "PRINTER_READY")
    if name.startswith("UNNAMED") or name in SILENT or word == "config":
        return ready
    if word == "information":
        return (INFORMATION[name], f"INF_{name}") if name in INFORMATION else ready
    if word == "warning":
        return "WARNING", "DEF_" + {"CLEAR_END": "CLEAR_ENDED"}.get(name, name)
    return "WARNING" if name in ONLY_WARNING else "ERROR", f"ERR_{name}"


def flag_of(word, mask, name):
    if name.startswith("UNNAMED"):
        return f"RSV_{PREFIX[word]}_0X{mask:08X}"
    return name if name.startswith("INF_") else f"{PREFIX[word]}_{name}"


def run(kartud, count):
    options = [part for option in BARE for part in ("--without", option)]
    with Machine(kartud, *options) as machine:
        printer = Connection(machine.url, OpenMode.DIRECT)
        printer.set_session_management(False)
        # All that a healthy machine shows: what it is, that it just booted, and that it handles errors itself.
        before = {flag.name for flag in Status.Flag if printer.send_status_request().is_on(flag)}
        count.same("a healthy machine", before, ALWAYS)
        seen = 0
        for word, mask, name in bits():
            machine.set(forced={word: mask})
            status, state = printer.send_status_request(), printer.get_state()
            flags = {flag.name for flag in Status.Flag if status.is_on(flag)}
            count.same(f"{word} {name}", flags, ALWAYS | {flag_of(word, mask, name)})
            count.same(f"state of {word} {name}", (state.major.name, state.minor.name), state_of(word, name))
            seen += 1
        count.same("bits", seen, 128)
        machine.set(forced={})
        machine.set(forced={"extension1": 0x100, "extension3": 4})
        flags = {flag.name for flag in Status.Flag if printer.send_status_request().is_on(flag)}
        count.same("extensions", flags - before,
                   {"CFG_EXTENSION_1", "CFG_EXTENSION_2", "CFG_EXTENSION_3", "INF_FEEDER_NEAR_EMPTY",
                    "INF_PHYSICAL_COVER_OPEN"})
        machine.set(powered=False)
        count.same("power off", printer.get_state().major, State.Major.OFF)
        machine.set(powered=True)
        count.same("power on", printer.get_state().major, State.Major.READY)
        printer.close()

