"""Every check of the maker's SDK against the emulated printer; counts them. Started by tests/outside/evolis-sdk."""

import sys
import time

import cards
import faults
import status
import talk
from bench import Count


def main(kartud):
    count = Count()
    for part in [talk, status, cards, faults]:
        began, before = time.monotonic(), count.passed
        part.run(kartud, count)
        print(f"{part.__name__}: {count.passed - before} checks, {time.monotonic() - began:.1f} s", flush=True)
    print(f"{count.passed} passed, {count.failed} failed")
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
