"""What the SDK reads and moves: information, ribbon, cleaning, trays, sessions, card moves, the magnetic stripe."""

import socket

from evolis import (CardPos, CleaningInfo, Connection, ErrorManagement, Feeder, InputTray, MagFormat, MagSession,
                    NetworkInterfaceType, OpenMode, OutputTray, PrintSession, ReturnCode, RibbonType, State)

from bench import Machine


def run(kartud, count):
    with Machine(kartud, model="Primacy") as machine:
        printer = Connection(machine.url, OpenMode.DIRECT)
        who_it_is(count, printer)
        settings(count, printer, machine)
        moves(count, printer, machine)
        stripe(count, printer, machine)
        cleaning(count, printer, machine)
        reserved(count, printer, machine)
        # Commands of the SDK that the machine does not know would be a hole in the machine.
        count.same("not understood", machine.state()["machine"]["not_understood"]["last_names"], [])
        printer.close()
    variants(kartud, count)


def who_it_is(count, printer):
    info = printer.get_info()
    for key, wanted in {
        "modelName": "Evolis Primacy", "serialNumber": "EMU0000001", "fwVersion": "EMU 1.0", "zone": "0",
        "printHeadKitNumber": "2800000001", "hasFlip": True, "hasEthernet": True, "hasWifi": False,
        "hasMagEnc": True, "hasSmartEnc": True, "hasContactLessEnc": True, "hasLcd": False, "hasScanner": False,
    }.items():
        count.same(key, getattr(info, key), wanted)
    ribbon = printer.get_ribbon_info()
    for key, wanted in {
        "description": "YMCKO", "type": RibbonType.YMCKO, "capacity": 300, "remaining": 300, "progress": 0,
        "productCode": "EMU-YMCKO", "batchNumber": 1, "serialNumber": "EMURIBBON1", "zone": "0",
    }.items():
        count.same(f"ribbon {key}", getattr(ribbon, key), wanted)
    count.true("the ribbon's date", ribbon.buildAt.startswith("2026-01-01"))
    network = printer.get_network_interface_info(NetworkInterfaceType.ETHERNET)
    count.same("address", network.ipv4Address, "127.0.0.1")
    count.same("mask", network.ipv4SubnetMask, "255.0.0.0")
    count.same("MAC", network.macAddress, "02:00:00:00:00:01")


def settings(count, printer, machine):
    for tray in [InputTray.MANUAL, InputTray.MANUALANDCMD, InputTray.BEZEL, InputTray.BOTH, InputTray.NOFEEDER,
                 InputTray.REAR, InputTray.FEEDER]:
        count.true(f"{tray}", printer.set_input_tray(tray))
    for tray in [OutputTray.MANUAL, OutputTray.ERROR, OutputTray.BEZEL, OutputTray.ERRORSLOT, OutputTray.LOCKED,
                 OutputTray.STANDARD]:
        count.true(f"{tray}", printer.set_output_tray(tray))
        count.true(f"rejects {tray}", printer.set_error_tray(tray))
    for feeder in [Feeder.A, Feeder.D, Feeder.FEEDER_4, Feeder.FEEDER_1]:
        count.true(f"{feeder}", printer.set_feeder(feeder))
        count.same("feeder", printer.get_feeder(), feeder)
    for mode in [ErrorManagement.SOFTWARE, ErrorManagement.PRINTER]:
        count.true(f"{mode}", printer.set_error_management(mode))
        count.same("error management", printer.get_error_management(), mode)
    count.true("standby", printer.set_standby_time(600))
    count.same("standby", printer.get_standby_time(), 600)
    count.true("standby", printer.set_standby_time(0))
    count.same("error management", machine.state()["machine"]["error_management"], 0)


def moves(count, printer, machine):
    def place():
        card = machine.state()["machine"]["card"]
        return card and card["place"]

    for move, wanted in [
        (CardPos.INSERT, "head"), (CardPos.INSERTBACK, "head"), (CardPos.INSERTEJECT, "head"), (CardPos.EJECT, None),
        (CardPos.CONTACT, "contact"), (CardPos.CONTACTLESS, "contactless"), (CardPos.MAG, "head"),
        (CardPos.PRINT, "head"), (CardPos.REJECT, None),
    ]:
        count.true(f"{move}", printer.set_card_pos(move))
        count.same(f"{move}", place(), wanted)
    state = machine.state()
    count.same("cards let out", (state["hopper_cards"], state["reject_box_cards"]), (1, 1))
    count.same("cards entered", state["machine"]["cards_entered"], 2)
    count.true("insert", printer.insert_card())
    count.true("flip", printer.flip_card())
    count.true("eject", printer.eject_card())
    for move in [CardPos.EJECT, CardPos.SCAN]:
        count.true(f"{move} without card or scanner", not printer.set_card_pos(move))
    machine.set(tended=False, feeder_cards=0)
    count.same("empty feeder", (printer.insert_card(), printer.get_last_error()), (False, ReturnCode.CARD_EINSERTION))
    machine.set(feeder_cards=50)
    machine.pull("jam", "feeder")
    count.same("jam", (printer.insert_card(), printer.get_last_error()), (False, ReturnCode.CARD_ERROR))
    count.same("jam", printer.get_state().minor, State.Minor.ERR_MECHANICAL)
    machine.pull("take_card_out")
    count.true("errors cleared", printer.clear_mechanical_errors())
    count.same("errors cleared", printer.get_state().minor, State.Minor.PRINTER_READY)
    machine.set(tended=True)
    count.true("test card", PrintSession.print_test_card(printer, 0))
    count.true("other test card", PrintSession.print_test_card(printer, 1))
    count.same("test cards", machine.state()["machine"]["cards_finished"], 2)
    count.same("back to its own error management", machine.state()["machine"]["error_management"], 0)


TRACKS = [(MagFormat.ISO1, "KARTU IDENTITAS ANAK 123"), (MagFormat.ISO2, "3201234567890123"),
          (MagFormat.ISO3, "0123456789=9876543210")]


def stripe(count, printer, machine):
    def written(tracks):
        session = MagSession(printer)
        for number, (form, data) in enumerate(tracks):
            session.set_track(number, form, data)
        return session.write()

    def read():
        session = MagSession(printer)
        return session.read(), [session.get_data(number) for number in range(3)]

    count.same("stripe written", written(TRACKS), ReturnCode.OK)
    count.same("stripe read", read(), (ReturnCode.OK, [data for _, data in TRACKS]))
    count.true("eject", printer.eject_card())
    count.same("a blank stripe", read()[0], ReturnCode.MAG_EBLANK)
    for fault, wanted in [("write", ReturnCode.MAG_ERROR), ("data", ReturnCode.MAG_EDATA),
                          ("checksum", ReturnCode.MAG_ERROR)]:
        machine.pull("fail_magnetic", fault)
        count.same(f"write with {fault}", written(TRACKS), wanted)
    count.same("letters on track 2", written([TRACKS[0], (MagFormat.ISO2, "ABC")]), ReturnCode.MAG_EDATA)
    count.same("stripe written after all", written(TRACKS), ReturnCode.OK)
    for fault, wanted in [("read", ReturnCode.MAG_ERROR), ("blank", ReturnCode.MAG_EBLANK)]:
        machine.pull("fail_magnetic", fault)
        count.same(f"read with {fault}", read()[0], wanted)
    count.same("stripe read after all", read()[0], ReturnCode.OK)
    count.true("eject", printer.eject_card())


def cleaning(count, printer, machine):
    machine.set(cards_since_cleaning=0)
    counters = printer.get_cleaning_info()
    cards = machine.state()["machine"]["cards_entered"]
    count.same("cards", (counters.totalCardCount, counters.cardCount), (cards, 0))
    count.same("before warning", (counters.cardCountBeforeWarning, counters.cardCountBeforeWarrantyLost), (1000, 1500))
    count.same("at last cleaning", counters.cardCountAtLastCleaning, cards)


def reserved(count, printer, machine):
    host, port = machine.wire.split(":")
    with socket.create_connection((host, int(port))) as other:
        other.sendall(b"\x1bPsid;77;45\r\0")
        other.shutdown(socket.SHUT_WR)
        other.recv(2048)
    count.same("somebody else has it", printer.get_info(), None)
    count.same("somebody else has it", printer.get_last_error(), ReturnCode.SESSION_EBUSY)
    with socket.create_connection((host, int(port))) as other:
        other.sendall(b"\x1bPsid;0;45\r\0")
        other.shutdown(socket.SHUT_WR)
        other.recv(2048)
    count.true("free again", printer.get_info() is not None)


def variants(kartud, count):
    """Old firmware, more options, no status block."""
    with Machine(kartud, "--old-firmware", "--fit", "LCD", "--fit", "SCANNER", "--fit", "JIS_MAG_HEAD",
                 "--without", "CONTACTLESS") as machine:
        printer = Connection(machine.url, OpenMode.DIRECT)
        info = printer.get_info()
        count.same("LCD", (info.hasLcd, info.lcdFwVersion, info.lcdGraphVersion), (True, "EMU LCD 1.0", "1"))
        count.same("options", (info.hasScanner, info.hasJisMagEnc, info.hasContactLessEnc), (True, True, False))
        count.true("scanner", printer.set_card_pos(CardPos.SCAN))
        count.true("no contactless station", not printer.set_card_pos(CardPos.CONTACTLESS))
        count.true("eject", printer.eject_card())
        counters: CleaningInfo = printer.get_cleaning_info()
        count.same("thresholds", (counters.warningThreshold, counters.warrantyLostThreshold), (1000, 1500))
        count.same("before warning", counters.cardCountBeforeWarning, 1000)
        count.same("not understood", machine.state()["machine"]["not_understood"]["last_names"], [])
        printer.close()
    with Machine(kartud, "--no-status") as machine:
        printer = Connection(machine.url, OpenMode.DIRECT)
        count.same("no status", printer.get_state().minor, State.Minor.PRINTER_STATUS_DISABLED)
        count.true("status on", printer.enable_status())
        count.same("status on", printer.get_state().minor, State.Minor.PRINTER_READY)
        printer.close()
