"""Text and bond codes as people, Excel and Notepad write them: every file that the user edits is read here."""

import codecs
import contextlib
import re
import stat
from pathlib import Path

from core.i18n import say
from core.model.bond import BondCode
from core.model.errors import InvalidDataError
from core.rules.spellings import in_ascii

AROUND = " \t,;='\"\ufeff"
"""What may surround a value and means nothing: ="113052", a separator after the last column."""

_MARKS = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_PADDING = re.compile(rb"\0+(?=[,;\t\r\n])|(?<=[,;\t])\0+(?=[^\0\n])")
"""Zeros that programs leave between cells. Behind the last line they may stand where lines were lost."""
_LOST = "\N{REPLACEMENT CHARACTER}"
_MOST_BYTES = 16_000_000
_UNUSED = re.compile(r"$|#|sep$", re.IGNORECASE)


class UserFileRefused(InvalidDataError):
    """The file holds no text that can be used; the message is a predicate whose subject is the file."""


def read_user_text(path: Path, *, complete: bool = False) -> str:
    """The text of a file that the user edits, newlines as they are; see `decoded`. Raises as that, and `OSError`."""
    return decoded(read_user_file(path), complete=complete)


def read_user_file(path: Path) -> bytes:
    """What is in a file of the user's. Raises `UserFileRefused` for what is no file, or too large, and `OSError`."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would never answer
        raise UserFileRefused(say("is a folder or a pipe, not a file"))
    if status.st_size > _MOST_BYTES:
        raise UserFileRefused(say("is too large: {size:,} bytes", size=status.st_size))
    return path.read_bytes()


def decoded(content: bytes, *, complete: bool = False) -> str:
    """The text in UTF-8, UTF-16 (Excel's "Unicode Text") or GBK, decided for each line. Raises `UserFileRefused`.

    Bytes that are text in none of them become U+FFFD, so that one line does not make the others unreadable; where all
    of it is needed, `complete`, they are refused.
    """
    if content.startswith(_WORKBOOKS):
        raise UserFileRefused(say("is an Excel workbook: save it as CSV (UTF-8)"))
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _text(content.removeprefix(mark), encoding)
    even, odd = (content.rstrip(b"\0")[start::2].count(0) for start in (0, 1))
    if max(even, odd) > len(content) / 4 and min(even, odd) < max(even, odd) / 8:
        # without its mark UTF-16 shows by the zero of each ASCII character
        return _text(content, "utf-16-le" if odd > even else "utf-16-be")
    if not complete:
        content = _PADDING.sub(b"", content)
    lines = content.removeprefix(codecs.BOM_UTF8).split(b"\n")
    found = [_text(line, "utf-8", "gbk") for line in lines]
    for number, (line, text) in enumerate(zip(lines, found, strict=True), 1):
        if complete and _LOST in text and _LOST.encode() not in line:
            raise UserFileRefused(say("is not UTF-8 in line {line}: save it with the encoding UTF-8", line=number))
    return "\n".join(found)


def lines_of(text: str) -> list[str]:
    """The lines of a file from any system, without their ends; line 1 is the first."""
    return re.split(r"\r*\n|\r", text)


def used_lines(text: str) -> list[tuple[int, str]]:
    """The lines with their numbers, without empty ones, Excel's lines of separators and `sep=;`, and notes after #."""
    numbered = enumerate(lines_of(text), 1)
    return [(number, line) for number, line in numbered if not _UNUSED.match(in_ascii(line).strip(AROUND))]


def parse_code(text: str) -> BondCode:
    """Such as 113052, 113052.SH, sh113052, 113052.0 or ="113052", which Excel makes of codes. Raises `CodeRefused`."""
    plain = in_ascii(text).strip(AROUND).removesuffix(".0")
    if match := re.fullmatch(r"(SH|SZ)\.?(\d{6})", plain, re.ASCII | re.IGNORECASE):
        plain = f"{match[2]}.{match[1]}"
    return BondCode(plain)


def _text(content: bytes, *encodings: str) -> str:
    for encoding in encodings:
        with contextlib.suppress(UnicodeDecodeError):
            return content.decode(encoding).replace("\0", _LOST)
    return content.decode(encodings[0], "replace").replace("\0", _LOST)
