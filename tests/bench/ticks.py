"""`python -m tests.bench.ticks USERDATA SECONDS CODE…`: prices around 100 for these bonds, one each per SECONDS.

A code on a line of its standard input is left out from there on, and the one before comes back. Ends when that does.
"""

import random
import sys
import threading
import time

from miniqmt_emulator.control import Control


def main() -> None:
    userdata, every, *codes = sys.argv[1:]
    control, chance, ended = Control(userdata), random.Random(2), threading.Event()
    left_out = [""]

    def listen() -> None:
        for line in sys.stdin:
            left_out[0] = line.strip()
        ended.set()

    threading.Thread(target=listen, daemon=True).start()
    due = time.monotonic()
    while True:
        for code in codes:
            if code != left_out[0]:
                control.set_quote(code, round(100 + chance.uniform(-1, 1), 3), depth=100_000, volume_add=10)
            due += float(every) / len(codes)
            if ended.wait(max(0.0, due - time.monotonic())):
                return


if __name__ == "__main__":
    main()
