"""`python -m tests.pinyin`: the letters of GB 2312's second level, for tui/pinyin.py. Needs the package pypinyin."""

import sys
from importlib import import_module
from typing import Any

WIDTH = 110
ROWS, CELLS = range(0xD8, 0xF8), range(0xA1, 0xFF)


def main() -> None:
    """Print the table."""
    library: Any = import_module("pypinyin")
    letters = ""
    for row in ROWS:
        for cell in CELLS:
            readings = library.pinyin(bytes([row, cell]).decode("gb2312"), style=library.Style.NORMAL, heteronym=True)
            letters += next(reading[0].upper() for reading in readings[0] if "a" <= reading[0] <= "z")
    for start in range(0, len(letters), WIDTH):
        sys.stdout.write(f'    "{letters[start : start + WIDTH]}"\n')


if __name__ == "__main__":
    main()
