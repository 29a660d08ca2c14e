"""A day of an account: snapshots, plans, orders, pages and lines for the screens to show."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from math import sin
from typing import Any

from core.i18n import say
from core.model.account import Asset
from core.model.bond import BondCode
from core.model.bond_info import BondDetail
from core.model.bond_metrics import BondMetrics
from core.model.command import (
    DayOfOrders,
    FindInLog,
    ReadLog,
    ReadOrders,
    ReadReport,
    ShowBond,
)
from core.model.finding import Finding
from core.model.known import Known
from core.model.log_page import LogLine, LogPage
from core.model.order import Intent, Order, OrderState, Origin, Side, Transition
from core.model.plan import Blocked, Kept, Leg, Plan
from core.model.quote import SessionPhase
from core.model.report import EquityPoint, Report
from core.model.series import EquityDay, EquityLine, Spark
from core.model.settings_rows import SecretRow, SettingRow, SettingsTable
from core.model.snapshot import (
    BlockKind,
    BlockReason,
    Event,
    Followed,
    Health,
    Job,
    LegProgress,
    Level,
    PositionRow,
    Rebalance,
    Snapshot,
    StopRow,
    StopsSummary,
    StopStatus,
)
from core.model.time import SHANGHAI
from core.rules.performance import EntryKind, LedgerEntry, SentOrder, TradeHistory, make_report
from tests.tui.bond_samples import bond_detail, bond_metrics

NOW = datetime(2026, 5, 6, 14, 49, 32, tzinfo=SHANGHAI)
TODAY = date(2026, 5, 6)

LEFT = "left the list of 2026-05-06"
"""Why a plan sells: a sentence of the engine, as those below are, so that it is found in the catalogue."""

BONDS = (
    ("113052", "兴业转债", "121.234"),
    ("127056", "中特转债", "118.905"),
    ("110059", "浦发转债", "109.870"),
    ("123107", "温氏转债", "131.002"),
    ("128136", "立讯转债", "115.480"),
    ("118031", "天23转债", "98.765"),
    ("127045", "牧原转债", "124.310"),
    ("113050", "南银转债", "119.600"),
)


def code(number: int) -> BondCode:
    return BondCode(BONDS[number][0])


def name(number: int) -> str:
    return BONDS[number][1]


def last(number: int) -> Decimal:
    return Decimal(BONDS[number][2])


def blocked(*texts: str, kind: BlockKind = BlockKind.MISMATCH) -> tuple[BlockReason, ...]:
    """Reasons why trading is off."""
    return tuple(BlockReason(kind, text) for text in texts)


def snapshot(**changes: Any) -> Snapshot:
    """A quiet afternoon in the sandbox."""
    return replace(
        Snapshot(
            number=1,
            at=NOW,
            mode="sandbox",
            account="paper-1",
            session=SessionPhase.OPEN,
            trading_day=TODAY,
            ready=True,
            platform_user="demo",
            health=(
                Health("broker", Level.GOOD, "2ms", NOW - timedelta(hours=5)),
                Health("quotes", Level.GOOD, "0.4s", NOW - timedelta(hours=5)),
                Health("FactorCat", Level.GOOD, say("ok"), NOW - timedelta(hours=6)),
                Health("clock", Level.GOOD, "+0.2s", NOW - timedelta(hours=6)),
                Health("disk", Level.GOOD, "41 GB", NOW - timedelta(hours=6)),
                Health("engine", Level.GOOD, say("ok"), NOW - timedelta(hours=6)),
            ),
            followed=Followed(1, 11, "双低轮动 10"),
            asset=Known(Asset(Decimal("312000.10"), Decimal("1200.00"), Decimal("691214.40"))),
            positions=Known(positions()),
            orders=orders(),
            events=events(),
            jobs=(
                Job("rebalance", NOW.replace(minute=50, second=0)),
                Job("refill", NOW.replace(minute=55, second=0)),
                Job("rebalance", datetime(2026, 5, 7, 14, 50, tzinfo=SHANGHAI)),
            ),
            stops=StopsSummary(4, 5, "no price yet (118031.SH 天23转债)"),
            terms=tuple(one.terms for one in bonds_shown()),
            figures=tuple(one.figures for one in bonds_shown()),
            sparks=sparks(),
        ),
        **changes,
    )


def metrics_of(number: int) -> BondMetrics:
    return bond_metrics(number, code(number), name(number), last(number), NOW)


def bonds_shown() -> list[BondMetrics]:
    return [metrics_of(number) for number in sorted(range(len(BONDS)), key=code)]


def show_bond(command: ShowBond) -> BondDetail:
    number = next((place for place in range(len(BONDS)) if code(place) == command.code), 0)
    return bond_detail(command, number, name(number), last(number), NOW)


def stop(loss: str, profit: str, cost: str, state: str = "armed", **changes: Any) -> StopRow:
    levels, checked = (Decimal(loss), Decimal(profit), f"{say('cost')} {cost}"), NOW - timedelta(seconds=1)
    return replace(StopRow(*levels, True, say(state), StopStatus.ARMED, checked), **changes)


def positions() -> tuple[PositionRow, ...]:
    def row(number: int, held: int, ours: int, cost: str | None, close: str, **changes: Any) -> PositionRow:
        paid = None if cost is None else Decimal(cost)
        full = PositionRow(
            code(number), name(number), held, held, ours, paid, last(number), Decimal(close), NOW, "open"
        )
        return replace(full, **changes)

    return (
        row(0, 820, 820, "118.500", "120.100", stop=stop("112.575", "130.350", "118.500")),
        row(1, 840, 840, "120.250", "119.400", stop=stop("114.237", "132.275", "120.250")),
        row(
            *(2, 900, 600, "108.100", "109.870"),
            sellable=880,
            quoted_at=NOW - timedelta(seconds=4),
            state="",
            stop=stop("102.695", "118.910", "108.100"),
        ),
        row(3, 760, 0, None, "130.000"),
        row(
            *(4, 870, 870, "115.000", "115.480"),
            quoted_at=NOW - timedelta(minutes=78),
            state="suspended",
            stop=stop(*("109.250", "126.500", "115.000", "suspended: fires when it trades"), status=StopStatus.WAITING),
        ),
        row(
            *(5, 1000, 1000, "99.000", "99.000"),
            last=None,
            prev_close=None,
            quoted_at=None,
            state="no quote",
            stop=stop(
                *("94.050", "108.900", "99.000", "no price yet"),
                armed=False,
                status=StopStatus.NO_PRICE,
                checked_at=None,
            ),
        ),
    )


def order(number: int, side: Side, state: OrderState, **changes: Any) -> Order:
    at = NOW - timedelta(minutes=10 - number)
    intent = Intent(f"r260506-{number:04d}", "p-1", TODAY, code(number), name(number), side, 820, last(number), LEFT)
    log = (
        Transition(at, OrderState.INTENDED, LEFT),
        Transition(at + timedelta(seconds=1), OrderState.WORKING, "taken as order 90001"),
    )
    return replace(Order(intent, state, at, order_id=f"9000{number}", log=log), **changes)


def orders() -> tuple[Order, ...]:
    return (
        order(
            1,
            Side.SELL,
            OrderState.FILLED,
            filled_volume=820,
            filled_amount=Decimal("97502.10"),
            fee=Decimal("9.75"),
        ),
        order(
            2,
            Side.BUY,
            OrderState.PART_FILLED,
            filled_volume=300,
            filled_amount=Decimal("32961.00"),
            fee=Decimal("3.30"),
        ),
        order(3, Side.BUY, OrderState.REJECTED, message="[61203] 委托价格超出涨跌停限制"),
        order(4, Side.BUY, OrderState.UNKNOWN, message="no answer within 5 s"),
    )


def events() -> tuple[Event, ...]:
    return (
        Event(1, NOW - timedelta(hours=5), Level.INFO, "Positions reconciled, trading enabled"),
        Event(2, NOW - timedelta(minutes=20), Level.GOOD, "plan 260506-1c70: list of 2026-05-06, 8 bonds"),
        Event(
            3, NOW - timedelta(minutes=4), Level.WARNING, "128136.SZ 立讯转债 is suspended: your 870 张 cannot be sold"
        ),
    )


def plan(**changes: Any) -> Plan:
    def leg(number: int, side: Side, volume: int, reason: str) -> Leg:
        amount = last(number) * volume
        return Leg(side, code(number), name(number), volume, last(number), amount, Decimal("9.75"), reason)

    return replace(
        Plan(
            plan_id="p-20260506-1",
            mode="sandbox",
            trading_day=TODAY,
            made_at=NOW - timedelta(seconds=12),
            list_date=TODAY,
            codes=tuple(code(number) for number in range(8)),
            cash=Decimal("312000.10"),
            cash_after=Decimal("211234.56"),
            legs=(
                leg(1, Side.SELL, 840, LEFT),
                leg(6, Side.BUY, 800, "joined the list, rank 3"),
                leg(7, Side.BUY, 830, "joined the list, rank 7"),
            ),
            kept=(
                Kept(code(0), name(0), 820, True, "on the list, rank 1"),
                Kept(code(3), name(3), 760, False, "rank 4, already held outside the strategy: not bought, never sold"),
            ),
            blocked=(Blocked(Side.SELL, code(4), name(4), "the bond is suspended"),),
        ),
        **changes,
    )


def rebalance(*, finished: bool, unresolved: tuple[str, ...] = ()) -> Rebalance:
    def leg(number: int, side: Side, volume: int, filled: int, status: str) -> LegProgress:
        average = last(number) if filled else None
        return LegProgress(
            side, code(number), name(number), volume, last(number), "list", status, f"r-{number}", filled, average
        )

    status = "part filled, cancelled after 30 s" if finished else "part filled"
    return Rebalance(
        plan_id="p-20260506-1",
        started_at=NOW - timedelta(seconds=28),
        finished_at=NOW if finished else None,
        stage="ended" if finished else "buying",
        legs=(
            leg(1, Side.SELL, 840, 840, "filled"),
            leg(6, Side.BUY, 800, 800, "filled"),
            leg(7, Side.BUY, 830, 300, status),
        ),
        unresolved=unresolved,
        cash_after=Decimal("211234.56") if finished else None,
    )


def log_page(command: ReadLog) -> LogPage:
    """Sixty lines, in a file in which each takes a hundred bytes."""
    kept = [line for line in log_lines() if list(Level).index(line.level) >= list(Level).index(command.minimum)]
    if command.after is not None:
        kept = [line for line in kept if line.begins > command.after][: command.limit]
    elif command.before is not None:
        kept = [line for line in kept if line.begins < command.before]
    day = command.day or TODAY
    earlier = date(2026, 4, 30) if day == TODAY else None
    later = TODAY if day != TODAY else None
    return LogPage(day, tuple(kept[-command.limit :]), 6000, earlier, later)


def found_line(command: FindInLog) -> LogLine | None:
    if command.forward:
        beyond = [line for line in log_lines() if line.begins > command.start]
    else:
        beyond = [line for line in reversed(log_lines()) if line.begins < command.start]
    return next((line for line in beyond if command.text.lower() in line.text), None)


_LOGGED = (
    (Level.INFO, "buy 113052.SH 兴业转债, 820 at 121.234: working (r260506-{number})"),
    (Level.GOOD, "buy 113052.SH 兴业转债, 820 at 121.234: filled (r260506-{number})"),
    (Level.INFO, "sell 127056.SZ 中特转债, 840 at 118.905: cancelling (r260506-{number})"),
    (Level.ERROR, "order {number} carries the remark manual of another order: not ours"),
    (Level.WARNING, "{number} was settled as filled before its fill 7 came"),
)


def log_lines() -> list[LogLine]:
    """Lines as the engine writes them, an order's with numbers from 90000 on."""
    return [
        LogLine(
            NOW - timedelta(seconds=60 - number),
            _LOGGED[number % 5][0],
            "trading",
            _LOGGED[number % 5][1].format(number=90000 + number),
            number * 100,
        )
        for number in range(60)
    ]


def day_of_orders(command: ReadOrders) -> DayOfOrders:
    """Three days with orders: today, and two in April."""
    days = [date(2026, 4, 29), date(2026, 4, 30), TODAY]
    earlier = [day for day in days if day < command.day]
    later = [day for day in days if day > command.day]
    moved = timedelta(days=(command.day - TODAY).days)
    past = [
        replace(order(1, Side.SELL, OrderState.FILLED), created_at=NOW + moved),
    ]
    return DayOfOrders(command.day, tuple(past), earlier[-1] if earlier else None, later[0] if later else None)


def preferences() -> SettingsTable:
    """Settings of each kind."""

    def row(key: str, about: str, value: str, **changes: Any) -> SettingRow:
        full = SettingRow(key, about, value, value, value, "default", "text")
        return replace(full, **changes)

    return SettingsTable(
        "/home/trader/rotor/config.toml",
        (
            row(
                *(
                    "mode",
                    "sandbox: this machine only; paper: the real platform, paper money; live: MiniQMT, real money.",
                    "sandbox",
                ),
                kind="choice",
                choices=("sandbox", "paper", "live"),
                money=True,
            ),
            row(
                *("language", "Language of the screens: auto | en | zh.", "en"),
                kind="choice",
                choices=("auto", "en", "zh"),
                default="auto",
                source="file",
                at_once=True,
            ),
            row("factorcat.username", "Name you log in with.", "", source="file"),
            row("factorcat.remember", "Keep the password in the keyring after a login.", "true", kind="switch"),
            row(
                *("buy.amount", "CNY for each bond, fees included, when fixed.", "20000"),
                in_use="10000.0",
                default="10000.0",
                money=True,
            ),
            row(
                "orders.timeout",
                "Seconds after which the unfilled part is cancelled.",
                "45",
                source="environment",
                money=True,
            ),
            row("stops.enabled", "Turn stops on.", "true", kind="switch", money=True),
            row("schedule.time", "Time of the day.", "14:50", money=True),
            row(
                "guards.max_daily_orders",
                "Most orders in a day; after that only safety and manual sales are sent.",
                "200",
                bounds=">= 1",
                money=True,
            ),
            row(
                "notify.urls",
                "Push services, as Apprise URLs; they contain tokens, so store them in the keyring.",
                "***",
                source="file",
                default="[]",
            ),
            row("notify.email.host", "SMTP server; empty for no mail.", ""),
        ),
        (SecretRow("factorcat", True, "keyring"), SecretRow("email", False, "", "Set notify.email.sender first.")),
    )


def findings() -> tuple[Finding, ...]:
    """A check-up with a finding of each kind."""
    return (
        Finding.ok(
            "python", say("Python {version}, {bits} bit, on {system}", version="3.11.7", bits=64, system="Linux")
        ),
        Finding.note("heartbeat", say("none is set: a machine that is off reports nothing")),
        Finding.warning("clock", say("fast"), say("Let the system set its time.")),
        Finding.failed(
            "login", say("nobody is logged in"), say("Start rotor and log in, or run rotor secret set factorcat.")
        ),
    )


def equity() -> EquityLine:
    """Today from the open on, falling and then rising."""
    values = [Decimal(1_000_000 + int(2500 * sin(minute / 30)) + 12 * minute) for minute in range(0, 228, 3)]
    opened, resumed = NOW.replace(hour=9, minute=30, second=0), NOW.replace(hour=13, minute=0, second=0)
    half = len(values) // 2
    moments = [
        opened + timedelta(minutes=3 * place) if place < half else resumed + timedelta(minutes=3 * (place - half))
        for place in range(len(values))
    ]
    points = tuple(
        EquityPoint(at, value, Decimal(0), float(value / values[0]), 0.0)
        for at, value in zip(moments, values, strict=True)
    )
    return EquityLine(points[:1], EquityDay(TODAY, points))


def report(command: ReadReport | None = None) -> Report:
    """Two bonds traded, one of them sold by its stop, over three weeks of equity."""
    first = None if command is None else command.first
    span: dict[str, Any] = {"list_price": last(0), "arrival": last(0) + 1}
    bought = Intent("r-1", "p", TODAY, code(0), name(0), Side.BUY, 100, last(0), "joined the list", **span)
    stopped = Intent(
        *("s-1", "p", TODAY, code(1), name(1), Side.SELL, 50, last(1), "stop-loss"),
        origin=Origin.STOP_LOSS,
        arrival=last(1),
        level=last(1) + 1,
    )
    entries = (
        LedgerEntry(EntryKind.FILL, TODAY, "r-1", code(0), Side.BUY, 100, last(0) + 2, Decimal("1.2")),
        LedgerEntry(EntryKind.FILL, date(2026, 4, 20), "r-0", code(1), Side.BUY, 50, last(1) + 5, Decimal("1.0")),
        LedgerEntry(EntryKind.FILL, TODAY, "s-1", code(1), Side.SELL, 50, last(1) - 1, Decimal("0.6")),
    )
    orders = (
        SentOrder(bought, "filled", NOW - timedelta(hours=1)),
        SentOrder(stopped, "filled", NOW - timedelta(minutes=5)),
    )
    values = [Decimal(1_000_000 + (20 - day) * 700 - (day % 5) * 2500) for day in range(20, -1, -1)]
    equity = tuple((NOW - timedelta(days=20 - place), value) for place, value in enumerate(values))
    books = TradeHistory("sandbox", "paper-1", entries, orders, equity, {code(0): last(0)}, {code(1): name(1)})
    return make_report(books, first, TODAY, NOW)


def sparks() -> tuple[Spark, ...]:
    """A line of the day for each holding but the last."""
    return tuple(
        Spark(
            row.code,
            tuple(Decimal(100 + number) + Decimal(round(9 * sin((place + number) / 3))) for place in range(16)),
        )
        for number, row in enumerate(positions()[:-1])
    )
