"""What the sandbox knows of the real market: the panel, the bonds alive on the snapshot's day, the calendar."""

import csv
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType

from core.calendar.calendar import Calendar
from core.model.bond import BondCode, CodeRefused
from core.sandbox.panel import Panel, PanelRow, load_panel
from core.sandbox.prices import RECORDED_DAY

_SNAPSHOT = "data/cb_live_snapshot_20260515.csv"
_YUAN_PER_WAN = 10_000

# Sessions, as recorded tables of redemptions show: 123112 last traded on 2026-09-11, last converted on 09-16; 110075,
# due on 2026-10-15, last traded on 10-09.
_FROM_LAST_TRADE_TO_LAST_CONVERSION = 3
_FROM_LAST_TRADE_TO_MATURITY = 4


@dataclass(frozen=True, slots=True)
class LiveBond:
    """A bond of the snapshot.

    `figures` are its closing figures of that day, `turnover` its day's turnover in CNY: 0 is a suspended bond.
    `last_day` is its last trading day, None while none is set; `called`: whether that is because its issuer calls it.
    `before` are its figures at the close of the session before, None where it has none, and `change` is that of its
    conversion value in that session, a ratio. `conversion_price` is in CNY per share, `balance` in CNY of face value,
    `share_code` of six digits.
    """

    code: BondCode
    name: str
    figures: PanelRow
    turnover: float
    last_day: date | None
    listed: date
    matures: date
    called: bool
    before: PanelRow | None
    change: Decimal | None
    conversion_price: Decimal
    balance: Decimal
    share_code: str
    share_name: str


@dataclass(frozen=True, slots=True, repr=False)
class SandboxData:
    """Everything that is recorded; `sessions` ascend and go beyond the recording."""

    panel: Panel
    bonds: Mapping[BondCode, LiveBond]
    sessions: tuple[date, ...]

    def traded_on(self, bond: LiveBond) -> date:
        """The last date until the recorded day of which a trade is known.

        Of a suspended bond: the day it fell due, if it did; else the panel's last date before, a weekly one maybe.
        """
        if bond.turnover > 0:
            return RECORDED_DAY
        if bond.matures <= RECORDED_DAY:
            return bond.matures
        earlier = (day for day in reversed(self.panel.dates) if day < RECORDED_DAY)
        return next((day for day in earlier if bond.code in self.panel.rows(day)), RECORDED_DAY)


@lru_cache(maxsize=1)
def load_sandbox_data(sessions: tuple[date, ...] | None = None) -> SandboxData:
    """The shipped recording. Codes that `BondCode` refuses (exchangeable bonds) are not part of the sandbox.

    Read once in a process: it never changes. `sessions` are those of the calendar, None for those that are shipped.
    """
    panel, sessions = load_panel(), sessions or Calendar().sessions
    lines = files("core.sandbox").joinpath(_SNAPSHOT).read_text(encoding="utf-8").splitlines()
    bonds: dict[BondCode, LiveBond] = {}
    for record in csv.DictReader(lines):
        try:
            code = BondCode(record["ts_code"])
        except CodeRefused:
            continue
        bonds[code] = _bond(code, record, panel, sessions)
    return SandboxData(panel, MappingProxyType(bonds), sessions)


def _bond(code: BondCode, record: Mapping[str, str], panel: Panel, sessions: Sequence[date]) -> LiveBond:
    turnover = float(record["amount_wan_yuan"]) * _YUAN_PER_WAN
    matures = date.fromisoformat(record["maturity_date"])
    first, before = (panel.rows(day).get(code) for day in _sessions_until(RECORDED_DAY, sessions))
    return LiveBond(
        code=code,
        name=record["bond_short_name"],
        figures=PanelRow(
            close=Decimal(record["close"]),
            premium=float(record["conv_premium_pct"]),
            conversion_value=float(record["conv_value"]),
            years=float(record["years_to_maturity"]),
            rating=record["rating_last_known"],
        ),
        turnover=turnover,
        last_day=_last_day(record["conv_stop_date"], matures, sessions),
        listed=date.fromisoformat(record["list_date"]),
        matures=matures,
        called=bool(record["conv_stop_date"]) and date.fromisoformat(record["conv_stop_date"][:8]) < matures,
        before=before,
        change=_change(first, before),
        conversion_price=Decimal(record["conv_price"]),
        balance=Decimal(record["balance_yuan"]),
        share_code=record["stk_cd"][:6],
        share_name=record["stk_short_name"],
    )


def _sessions_until(day: date, sessions: Sequence[date]) -> tuple[date, date]:
    """The two sessions before `day`."""
    place = bisect_left(sessions, day)
    return sessions[place - 2], sessions[place - 1]


def _change(first: PanelRow | None, second: PanelRow | None) -> Decimal | None:
    """Of the conversion value, a ratio: that of the share, unless its conversion price changed meanwhile."""
    values = [row.conversion_value if row is not None else None for row in (first, second)]
    if values[0] is None or values[1] is None or values[0] <= 0:
        return None
    return round(Decimal(str(values[1])) / Decimal(str(values[0])) - 1, 6)


def _last_day(conversion_ends: str, matures: date, sessions: Sequence[date]) -> date | None:
    """The day on which trading ends, called or maturing, whichever comes first."""
    due = _sessions_before(matures, _FROM_LAST_TRADE_TO_MATURITY, sessions)
    if not conversion_ends:
        return due
    ends = date.fromisoformat(conversion_ends[:8])
    called = _sessions_before(ends, _FROM_LAST_TRADE_TO_LAST_CONVERSION, sessions)
    return called if ends < matures else due


def _sessions_before(day: date, count: int, sessions: Sequence[date]) -> date | None:
    """None where the calendar does not reach as far as `day`."""
    return sessions[bisect_right(sessions, day) - 1 - count] if day <= sessions[-1] else None
