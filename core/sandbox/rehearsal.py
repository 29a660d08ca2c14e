"""The rehearsal: recorded market days through the planner, the order manager and the paper broker, at full speed.

Its rule is exact, so that anyone can compute it again. On each date, among the bonds with a row on that date and at
least half a year to maturity, the N lowest `close + premium_pct` are held (ties by code): what is no longer among them
is sold, what joined is bought, at that date's close, sells before buys, the cash shared equally over the buys. A held
bond whose rows have ended is closed at its last close, without a fee, and counted as having left the market.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from core.brokers.paper import PaperBroker
from core.i18n import say
from core.infra.clock import SteppedClock
from core.infra.database import open_database
from core.model.bond import BondCode
from core.model.known import Known, Maybe
from core.model.order import Fill, Order, OrderState, Side
from core.model.platform import Selected, Selection
from core.model.settings import BuySettings, GuardSettings, OrderSettings, Settings, StrategySettings
from core.model.time import SHANGHAI
from core.quotes.replay import ReplayFeed
from core.rules.performance import annualized_return, max_drawdown, sharpe, total_return
from core.rules.ticks_and_lots import LOT, on_tick
from core.sandbox.panel import QUOTED_AT, Panel, panel_quotes
from core.sandbox.strategies import MIN_YEARS, Family, Rule, rank
from core.trading.journal import Journal
from core.trading.ledger import Ledger
from core.trading.order_manager import OrderManager
from core.trading.reconcile import reconcile
from core.trading.risk import PreTradeRisk, TradingControls
from core.trading.rotation import Rotation
from core.trading.runs import Runs
from core.trading.state_store import TRADING, StateStore

_NO_CAP = Decimal(10) ** 12
_RULE = Rule(Family.DOUBLE_LOW, min_years=MIN_YEARS)


@dataclass(slots=True)
class RehearsalReport:
    """The figures of a rehearsal; money in CNY, ratios plain (0.12 is 12 %)."""

    capital: Decimal
    top: int
    dates: list[date] = field(default_factory=list[date])
    orders: int = 0
    fills: int = 0
    rejected: int = 0
    left_market: int = 0
    rounded_closes: int = 0
    left_out_rows: int = 0
    turnover: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    equity: list[tuple[date, Decimal]] = field(default_factory=list[tuple[date, Decimal]])
    violations: list[str] = field(default_factory=list[str])
    order_rows: list[Order] = field(default_factory=list[Order])
    fill_rows: list[Fill] = field(default_factory=list[Fill])

    @property
    def _line(self) -> list[tuple[date, Decimal]]:
        """The equity from the capital before the first trade on."""
        return [(self.dates[0], self.capital), *self.equity] if self.equity else []

    def as_json(self) -> dict[str, Any]:
        """The document of `rotor rehearse --json`."""
        return {
            "from": self.dates[0].isoformat() if self.dates else None,
            "to": self.dates[-1].isoformat() if self.dates else None,
            "sessions": len(self.dates),
            "top": self.top,
            "orders": self.orders,
            "fills": self.fills,
            "rejected": self.rejected,
            "left_market": self.left_market,
            "rounded_closes": self.rounded_closes,
            "left_out_rows": self.left_out_rows,
            "turnover": float(self.turnover),
            "fees": float(self.fees),
            "capital": float(self.capital),
            "equity_end": float(self.equity[-1][1]) if self.equity else float(self.capital),
            "total_return": total_return(self._line),
            "annualized_return": annualized_return(self._line),
            "max_drawdown": max_drawdown(self._line),
            "sharpe": sharpe(self._line),
            "equity": [[day.isoformat(), float(value)] for day, value in self.equity],
            "violations": self.violations,
        }


async def rehearse(
    panel: Panel,
    settings: Settings,
    *,
    top: int,
    capital: Decimal,
    start: date | None = None,
    end: date | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> RehearsalReport:
    """Play the panel's dates from `start` to `end`. `advance` hears how many of how many dates are done.

    `capital` in CNY. Fees come from `settings`; sizing is by balance, and the caps on amounts and on turnover are
    lifted. Raises `ValueError` where the panel has none of the dates.
    """
    dates = [day for day in panel.dates if (start is None or day >= start) and (end is None or day <= end)]
    if not dates:
        raise ValueError(
            say(
                "the panel reaches from {value} to {value_}: no date of it was asked for",
                value=panel.dates[0],
                value_=panel.dates[-1],
            )
        )
    report = RehearsalReport(capital, top, rounded_closes=panel.rounded, left_out_rows=panel.left_out)
    with tempfile.TemporaryDirectory(prefix="rotor-rehearsal-", ignore_cleanup_errors=True) as folder:
        stage = _ScratchComponents(Path(folder), panel, _rules(settings, top), report)
        await stage.open(dates[0])
        try:
            for number, day in enumerate(dates, 1):
                await stage.play(day)
                advance(number, len(dates))
        finally:
            await stage.close()
    return report


def _rules(settings: Settings, top: int) -> Settings:
    return settings.model_copy(
        update={
            "strategy": StrategySettings(strategy_id=1, history_id=top),
            "buy": BuySettings(amount_type="balance"),
            "orders": OrderSettings(type="limit", reprices=0),
            "guards": GuardSettings(
                max_order_amount=_NO_CAP, max_daily_buys=_NO_CAP, min_list_ratio=Decimal(0), hold_slots=False
            ),
        }
    )


class _ScratchComponents:
    """The parts of a rotation, on scratch files and a clock that only the rehearsal moves."""

    def __init__(self, folder: Path, panel: Panel, settings: Settings, report: RehearsalReport) -> None:
        self._folder = folder
        self._panel = panel
        self._settings = settings
        self._report = report

    async def open(self, first: date) -> None:
        self._clock = SteppedClock(_moment(first))
        self._feed = ReplayFeed()
        self._db = open_database(self._folder / "app.db", TRADING, durable=False)
        self._broker = PaperBroker(
            self._folder / "paper.db",
            self._feed,
            self._clock,
            self._settings.fees,
            self._report.capital,
            durable=False,
        )
        self._broker.subscribe(self._count)
        self._ledger = Ledger(self._db)
        self._journal = Journal(self._db)
        risk = PreTradeRisk(self._settings, lambda _: None)
        self._order_manager = OrderManager(self._broker, self._journal, self._ledger, risk, self._clock)
        self._rotation = Rotation(
            settings=self._settings,
            clock=self._clock,
            feed=self._feed,
            order_manager=self._order_manager,
            controls=TradingControls(StateStore(self._db)),
            runs=Runs(self._db),
            fetch=self._list,
            list_days=lambda now, _: Known((now.date(),)),
            seconds_left=lambda _: 60.0,
            dangers=None,  # the panel tells no announcements; its rule keeps away from maturities itself
            second=None,
        )
        await self._feed.start()
        await self._broker.start()

    async def close(self) -> None:
        await self._broker.stop()
        await self._feed.stop()
        self._db.close()

    async def play(self, day: date) -> None:
        """One date: prices, bonds that left the market, plan, rebalance, checks, equity."""
        self._clock.move_to(_moment(day))
        self._feed.watch(self._ledger.holdings())
        self._feed.show(day, panel_quotes(self._panel, day))
        self._close_departed(day)
        for reason in await reconcile(self._order_manager):
            self._breach(day, f"trading is off: {reason}")
        plan = await self._rotation.plan()
        if plan.refused is not None:
            self._breach(day, f"the plan was refused: {plan.refused}")
        elif plan.legs:
            await self._rotation.execute(plan)
        await self._check(day)
        asset = await self._broker.asset()
        if isinstance(asset, Known):
            self._report.equity.append((day, asset.value.total))
        self._report.dates.append(day)

    def _close_departed(self, day: date) -> None:
        for code in sorted(self._ledger.holdings()):
            if self._panel.has_left(code, day):
                price = self._broker.close_position(code)
                if price is not None:
                    self._ledger.leave(code, price, day, self._clock.now())
                    self._report.left_market += 1

    async def _list(self) -> Maybe[Selection]:
        day = self._clock.now().date()
        names = self._panel.names
        rows = self._panel.rows(day)
        bonds = tuple(
            Selected(code, names.get(code, ""), rows[code].close) for code in rank(_RULE, rows, self._report.top)
        )
        return Known(Selection(1, self._report.top, day, bonds, self._clock.now()))

    def _count(self, event: object) -> None:
        if isinstance(event, Fill):
            self._report.fills += 1
            self._report.turnover += event.amount
            self._report.fees += event.fee
            self._report.fill_rows.append(event)

    async def _check(self, day: date) -> None:
        """The laws that a run can check on itself after each date."""
        orders = self._journal.of_day(day)
        self._report.orders += len(orders)
        self._report.rejected += sum(order.state in {OrderState.REJECTED, OrderState.REFUSED} for order in orders)
        self._report.order_rows.extend(orders)
        asset, positions = await self._broker.asset(), await self._broker.positions()
        if isinstance(asset, Known) and (asset.value.cash < 0 or asset.value.frozen < 0):
            self._breach(day, f"cash is below zero: {asset.value.cash}, frozen {asset.value.frozen}")
        held = {position.code: position.volume for position in positions.value} if isinstance(positions, Known) else {}
        owned = {code: entry.volume for code, entry in self._ledger.holdings().items()}
        if held != owned:
            self._breach(day, f"the ledger and the broker differ in {sorted(held.items() ^ owned.items())}")
        for fault in self._order_manager.status.faults:
            self._breach(day, fault)
        self._check_orders(day, orders)

    def _check_orders(self, day: date, orders: tuple[Order, ...]) -> None:
        seen: set[tuple[BondCode, Side]] = set()
        for order in orders:
            intent = order.intent
            if (intent.code, intent.side) in seen:
                self._breach(day, f"{intent.code} was ordered twice")
            seen.add((intent.code, intent.side))
            if not order.done:
                self._breach(day, f"order {intent.client_order_id} is {order.state}")
            if not on_tick(intent.price):
                self._breach(day, f"{intent.code}: price {intent.price} is off the tick")
            if intent.side is Side.BUY and intent.volume % LOT:
                self._breach(day, f"{intent.code}: {intent.volume} 张 are not whole lots")
            if order.filled_volume != intent.volume:
                self._breach(day, f"{intent.code}: {order.filled_volume} filled of {intent.volume}")
            row = self._panel.rows(day).get(intent.code)
            if row is None or order.filled_amount != row.close * order.filled_volume:
                self._breach(day, f"{intent.code}: not filled at the recorded close")

    def _breach(self, day: date, text: str) -> None:
        self._report.violations.append(f"{day}: {text}")


def _moment(day: date) -> datetime:
    return datetime.combine(day, QUOTED_AT, SHANGHAI)
