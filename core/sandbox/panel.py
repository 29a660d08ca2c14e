"""The recorded panel: every convertible bond's closing figures on each of its dates, read without pandas."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO
from itertools import groupby
from math import isfinite
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from core.i18n import say
from core.infra.user_files import AROUND, UserFileRefused, decoded, parse_code
from core.model.bond import BondCode, CodeRefused
from core.model.errors import InvalidDataError
from core.model.quote import HIGHEST_PRICE, Quote, TradingState
from core.model.time import SHANGHAI
from core.rules.spellings import in_ascii, parse_day
from core.rules.ticks_and_lots import TICK

SHIPPED_PANEL = "cb_weekly_2024_2026.csv.gz"
COLUMNS = ("date", "code", "close", "premium_pct", "conversion_value", "years_to_maturity", "rating")

QUOTED_AT = time(14, 50)
"""The time of day at which a rehearsal trades, Asia/Shanghai."""

_DATA = files("core.sandbox").joinpath("data")
_GZIP_MAGIC = b"\x1f\x8b"
_LOT = 10


class PanelError(InvalidDataError, ValueError):
    """A panel that cannot be used; the message names the file, the line and the cause."""


class PanelRow(NamedTuple):
    """One bond on one date.

    `close` (rounded to the tick) and `conversion_value` in CNY per 100 face, `premium` over the conversion value in
    percent, `years` to maturity. A figure that the file leaves empty is None: unknown. A row of unknown premium is
    priced, never ranked.
    """

    close: Decimal
    premium: float | None
    conversion_value: float | None
    years: float | None
    rating: str


Rows = Mapping[BondCode, PanelRow]


@dataclass(frozen=True, slots=True, repr=False)
class Panel:
    """The rows of a panel by date; `dates` ascend, `names` are the short names that are known, `rounded` is how many
    closes were off the tick, `left_out` how many rows are of securities that are no convertible bonds of SH or SZ."""

    dates: tuple[date, ...]
    names: Mapping[BondCode, str]
    by_date: Mapping[date, Rows]
    rounded: int = 0
    left_out: int = 0

    def rows(self, day: date) -> Rows:
        """The rows of `day`; none where the panel has no such date."""
        return self.by_date.get(day, MappingProxyType({}))

    def last_date(self, code: BondCode) -> date | None:
        """The last date on which `code` has a row: then it left the market, or the panel ends. None if it has none."""
        return next((day for day in reversed(self.dates) if code in self.by_date[day]), None)

    def has_left(self, code: BondCode, day: date) -> bool:
        """Whether the last date of a bond that had rows lies before `day`."""
        last = self.last_date(code)
        return last is not None and last < day


def load_panel(path: Path | None = None) -> Panel:
    """The panel in `path`, a csv or csv.gz file of the shipped one's columns; the shipped one without a path.

    Raises `PanelError`.
    """
    return _shipped_panel() if path is None else _read_panel(path)


@cache
def _shipped_panel() -> Panel:
    """It does not change: the sandbox and a rehearsal in one process share it."""
    by_date = _ShippedRows(gzip.decompress(_DATA.joinpath(SHIPPED_PANEL).read_bytes()).decode("utf-8"))
    return Panel(tuple(by_date), shipped_names(), by_date)


def _read_panel(source: Traversable | Path) -> Panel:
    try:
        content = source.read_bytes()
        # Whether it is compressed is seen in its first bytes: a file may have been renamed.
        text = decoded(gzip.decompress(content) if content.startswith(_GZIP_MAGIC) else content)
    except (OSError, EOFError, zlib.error) as error:
        raise PanelError(say("{name} cannot be read: {error}", name=source.name, error=error)) from error
    except UserFileRefused as error:
        raise PanelError(f"{source.name} {error}") from error
    reader = _Reader(source.name)
    by_date = reader.read(text)
    return Panel(tuple(sorted(by_date)), shipped_names(), by_date, reader.rounded, reader.left_out)


@cache
def shipped_names() -> Mapping[BondCode, str]:
    """Short names of the shipped panel's bonds."""
    lines = _DATA.joinpath("cb_names.csv").read_text(encoding="utf-8").splitlines()
    return MappingProxyType({BondCode(row["code"]): row["name"] for row in csv.DictReader(lines)})


def panel_quotes(panel: Panel, day: date) -> dict[BondCode, Quote]:
    """Each bond's recorded close of `day` as the quote a rehearsal trades at, of 14:50.

    Both sides stand at the close, in any volume. Weekly rows know no previous day, so the close itself stands for the
    previous close: it lay inside its day's limits, whichever they were.
    """
    at = datetime.combine(day, QUOTED_AT, SHANGHAI)
    return {
        code: Quote(
            code=code,
            name=panel.names.get(code, ""),
            last=row.close,
            at=at,
            source="panel",
            state=TradingState.CONTINUOUS,
            prev_close=row.close,
            bid=row.close,
            ask=row.close,
            volume=_LOT,  # a close is a trade: at least a lot changed hands
        )
        for code, row in panel.rows(day).items()
    }


class _ShippedRows(Mapping[date, Rows]):
    """The shipped rows, by ascending dates. Those of a date are read when they are first asked for: the sandbox starts
    with two of the dates, and all of them take as long to read as the rest of its start."""

    def __init__(self, text: str) -> None:
        header, *lines = text.splitlines(keepends=True)
        self._texts = {
            date.fromisoformat(day): header + "".join(rows) for day, rows in groupby(lines, lambda line: line[:10])
        }
        self._rows: dict[date, Rows] = {}
        self._reader = _Reader(SHIPPED_PANEL)

    def __getitem__(self, day: date) -> Rows:
        rows = self._rows.get(day)
        if rows is None:
            # Two threads may read the same date at once: both come to the same rows.
            rows = self._rows[day] = self._reader.read(self._texts[day])[day]
        return rows

    def __iter__(self) -> Iterator[date]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


class _Reader:
    """Reads one file; each code, date and price text is turned into its value once."""

    def __init__(self, name: str) -> None:
        self.rounded = self.left_out = 0
        self._name = name
        self._codes: dict[str, BondCode] = {}
        self._dates: dict[str, date] = {}
        self._prices: dict[str, Decimal] = {}
        self._ratings: dict[str, str] = {}

    def read(self, text: str) -> dict[date, dict[BondCode, PanelRow]]:
        first = text.partition("\n")[0]
        reader = csv.reader(StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",")
        by_date: dict[date, dict[BondCode, PanelRow]] = {}
        why = ""
        try:
            columns = self._columns(next(reader, None) or [])
            for fields in reader:
                if not any(map(str.strip, fields)):  # Excel leaves lines of separators at the end
                    continue
                try:
                    day, code, row = self._row([fields[column] for column in columns])
                except CodeRefused as refused:
                    why = why or self._at(reader.line_num, refused)
                    self.left_out += 1
                    continue
                except IndexError:
                    raise ValueError(say("{value} fields are fewer than the header's", value=len(fields))) from None
                rows = by_date.setdefault(day, {})
                if code in rows:
                    raise ValueError(say("{code} has a second row on {day}", code=code, day=day))
                rows[code] = row
        except PanelError:
            raise
        except (ValueError, csv.Error) as error:
            raise PanelError(self._at(reader.line_num, error)) from error
        if not by_date:
            raise PanelError(why or say("{file} has a header and no rows", file=self._name))
        return by_date

    def _at(self, line: int, error: Exception) -> str:
        return say("{file}, line {line}: {error}", file=self._name, line=line, error=error)

    def _columns(self, names: list[str]) -> list[int]:
        header = [in_ascii(name).strip(AROUND).lower() for name in names]
        missing = [column for column in COLUMNS if column not in header]
        if missing:
            raise PanelError(
                say(
                    "{name} lacks the column {value}; expected are {value_}",
                    name=self._name,
                    value=", ".join(missing),
                    value_=", ".join(COLUMNS),
                )
            )
        return [header.index(column) for column in COLUMNS]

    def _row(self, fields: list[str]) -> tuple[date, BondCode, PanelRow]:
        day, code, close, premium, conversion_value, years, rating = fields
        return (
            self._dates.get(day) or self._date(day),
            self._codes.get(code) or self._code(code),
            PanelRow(
                self._prices.get(close) or self._price(close),
                _figure("premium_pct", premium),
                _figure("conversion_value", conversion_value),
                _figure("years_to_maturity", years),
                self._ratings.setdefault(rating, rating),
            ),
        )

    def _date(self, text: str) -> date:
        try:
            day = self._dates[text] = parse_day(text)
        except ValueError:
            raise ValueError(say("date is {text!r}, not like 2026-05-15", text=text)) from None
        return day

    def _code(self, text: str) -> BondCode:
        code = self._codes[text] = parse_code(text)
        return code

    def _price(self, text: str) -> Decimal:
        """On the tick: other vendors' closes have more decimals, or those of a float."""
        try:
            told = Decimal(text)
            price = told.quantize(TICK, ROUND_HALF_UP)
            usable = 0 < price <= HIGHEST_PRICE
        except InvalidOperation:  # no number, or one too long for the arithmetic
            raise ValueError(say("close is {text!r}, not a price", text=text)) from None
        if not usable:
            raise ValueError(
                say(
                    "close is {text!r}, not a price above zero and at most {highest_price}",
                    text=text,
                    highest_price=HIGHEST_PRICE,
                )
            )
        if price != told:
            self.rounded += 1
            return price
        self._prices[text] = told
        return told


def _figure(column: str, text: str) -> float | None:
    if not text:
        return None
    try:
        figure = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a figure") from None
    if not isfinite(figure):
        raise ValueError(f"{column} is {text!r}, not a figure")
    return figure
