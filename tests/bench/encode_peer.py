"""libnfc sends commands to the chip at an emulated reader: ms a command, a line each.

encode_peer.py PORT ROUNDS HEX...: the library itself, called from here; the call costs some millionths of a second.
"""

import ctypes
import os
import sys
import time

ISO14443A, BAUD_106 = 1, 1  # nfc_modulation_type, nfc_baud_rate
TARGET_BYTES = 1024  # more than an nfc_target
ANSWER_BYTES = 300
PATIENCE_MS = 5000


class Modulation(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int), ("baud", ctypes.c_int)]


def main():
    port, rounds, *commands = sys.argv[1:]
    os.environ["LIBNFC_AUTO_SCAN"] = "false"
    nfc = ctypes.CDLL("libnfc.so.6")
    nfc.nfc_open.restype = ctypes.c_void_p
    nfc.nfc_open.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    context = ctypes.c_void_p()
    nfc.nfc_init(ctypes.byref(context))
    reader = nfc.nfc_open(context, f"pn532_uart:{port}".encode())
    if not reader or nfc.nfc_initiator_init(ctypes.c_void_p(reader)) < 0:
        raise SystemExit("it does not reach the reader")
    reader = ctypes.c_void_p(reader)
    target = ctypes.create_string_buffer(TARGET_BYTES)
    if nfc.nfc_initiator_select_passive_target(reader, Modulation(ISO14443A, BAUD_106), None, 0, target) != 1:
        raise SystemExit("it finds no card")
    answer = ctypes.create_string_buffer(ANSWER_BYTES)
    commands = [bytes.fromhex(command) for command in commands]
    for command in commands * int(rounds):
        began = time.perf_counter()
        got = nfc.nfc_initiator_transceive_bytes(reader, command, len(command), answer, ANSWER_BYTES, PATIENCE_MS)
        took = time.perf_counter() - began
        if got < 2 or answer.raw[got - 2:got] != b"\x90\x00":
            raise SystemExit(f"the card does not obey: {got}")
        print(f"{took * 1000:.4f}")
    nfc.nfc_initiator_deselect_target(reader)
    nfc.nfc_close(reader)
    nfc.nfc_exit(context)


if __name__ == "__main__":
    main()
