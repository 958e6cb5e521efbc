"""Unpacks the kernel out of Debian's vmlinuz: QEMU enters the bare ELF at once, where unpacking it inside the
interpreted guest takes seconds. Usage: unpack_kernel.py VMLINUZ INTO"""

import lzma
import sys

packed = open(sys.argv[1], "rb").read()
at = -1
while (at := packed.find(b"\xfd7zXZ\0", at + 1)) >= 0:
    try:
        unpacked = lzma.LZMADecompressor(format=lzma.FORMAT_XZ).decompress(packed[at:])
    except lzma.LZMAError:
        continue
    if unpacked.startswith(b"\x7fELF"):
        open(sys.argv[2], "wb").write(unpacked)
        sys.exit()
sys.exit(f"no kernel packed with XZ in {sys.argv[1]}")
