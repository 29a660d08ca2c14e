"""One strategy on one account: makes plans and carries them out."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from core.bonds.eligibility import Eligibility
from core.i18n import listed, mark, say
from core.infra.clock import Clock
from core.model.bond import BondCode
from core.model.command import Cancelled, SelfTest
from core.model.known import Known, Maybe, Unknown
from core.model.order import SALES_ALONE, Origin
from core.model.plan import Plan
from core.model.platform import Selection
from core.model.quote import Quote
from core.model.settings import Settings
from core.model.snapshot import Control, Rebalance
from core.quotes.feed import QuoteFeed, SecondSource
from core.rules.cross_check import doubts
from core.rules.plan_input import PlanInput
from core.rules.planner import plan_for
from core.rules.refill import NOTHING, freed
from core.rules.selection import check_selection
from core.trading.account import AccountReader
from core.trading.executor import Executor, RebalanceRefused
from core.trading.order_manager import OrderManager
from core.trading.reconcile import reconcile
from core.trading.risk import TradingControls
from core.trading.runs import Runs, progress
from core.trading.self_test import self_test

log = logging.getLogger(__name__)

_NO_LIST = Unknown(mark("the list of this plan is no longer at hand: make a new plan"))

_MOST_PENDING = 8
"""Plans that are kept for execution; an older one has to be made anew."""

FetchSelection = Callable[[], Awaitable[Maybe[Selection]]]


class _Aim(NamedTuple):
    """What a plan is for: its list, or the one bond of a sale."""

    origin: Origin
    selection: Maybe[Selection]
    only: BondCode | None = None

    def follows_the_list_of(self, other: "_Aim") -> bool:
        """Whether both are plans of the same kind from the same list: a newer list makes older plans invalid."""
        if (
            self.origin is not other.origin
            or isinstance(self.selection, Unknown)
            or isinstance(other.selection, Unknown)
        ):
            return False
        return self.selection.value.codes == other.selection.value.codes


class Rotation:
    """What `plan` shows is what `execute` carries out, with the list that it was made from.

    `list_days` tells which dates a list may have at a moment, newest first, by the age that the settings allow;
    `seconds_left`, how long orders may work. `dangers` are None where nothing is recorded of them, `second` where
    prices need no second source.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        feed: QuoteFeed,
        order_manager: OrderManager,
        controls: TradingControls,
        runs: Runs,
        fetch: FetchSelection,
        list_days: Callable[[datetime, int], Maybe[tuple[date, ...]]],
        seconds_left: Callable[[datetime], float],
        dangers: Eligibility | None,
        second: SecondSource | None,
    ) -> None:
        self.settings = settings
        self._pending: dict[str, Plan] = {}
        """The newest plans, until one is carried out or what they were made from has changed: two users, or two
        commands, may each have theirs."""
        self.newest_plan: Plan | None = None
        """The newest plan, also after it was carried out."""
        self._why_dropped = say("this plan is not known, or too old")
        self._dangers = dangers
        self._second = second
        self.clock = clock
        self.feed = feed
        self.order_manager = order_manager
        self.controls = controls
        self.account = AccountReader(order_manager.broker, clock)
        self.runs = runs
        self.executor = Executor(order_manager, runs, clock, self.gather, seconds_left)
        self._turn = asyncio.Lock()
        self._executing: str | None = None
        self._fetch = fetch
        self._list_days = list_days
        self._aims: dict[str, _Aim] = {}

    @property
    def executing(self) -> str | None:
        """The plan that is being carried out."""
        return self._executing

    @property
    def pending_plan(self) -> Plan | None:
        """The newest plan that can still be carried out."""
        return next(reversed(self._pending.values()), None)

    def pending(self, plan_id: str) -> Plan:
        """This plan. Raises `RebalanceRefused` where it can no longer be carried out."""
        if plan_id not in self._pending:
            raise RebalanceRefused(say("{why}: make a new plan", why=self._why_dropped))
        return self._pending[plan_id]

    def keep_pending(self, plan: Plan) -> None:
        """Keep the plan until it is carried out."""
        self._pending[plan.plan_id] = self.newest_plan = plan

    def drop_pending(self, why: str) -> None:
        """Forget the plans: what they were made from has changed, as the sentence `why` says."""
        self._pending.clear()
        self._why_dropped = why

    def current_run(self) -> Rebalance | None:
        """The run that is under way, with its legs as they are now; else the last one."""
        plan, journal = self.executor.plan, self.order_manager.journal
        if plan is None:
            return self.runs.last(journal.of_plan)
        orders = journal.of_plan(plan.plan_id)
        return Rebalance(
            plan.plan_id,
            orders[0].created_at if orders else self.clock.now(),
            None,
            self.executor.stage,
            progress(plan.legs, orders, self.executor.stopped),
            tuple(order.intent.client_order_id for order in orders if order.unresolved),
            None,
            plan.origin,
            plan.list_words if plan.follows_a_list else "",
        )

    async def plan(self, origin: Origin = Origin.REBALANCE) -> Plan:
        """What a rebalance (or a refill) would do now. Sends nothing."""
        settings, selection = self.settings, await self.selection()
        if settings.strategy != self.settings.strategy:
            raise RebalanceRefused(say("another strategy was chosen meanwhile: make a new plan"))
        plan = plan_for(await self.gather(self._new_plan(_Aim(origin, selection))), settings)
        if _planning(settings) != _planning(self.settings):
            raise RebalanceRefused(say("the settings were changed meanwhile: make a new plan"))
        log.info("plan %s: %s", plan.plan_id, plan.refused or plan.list_words)
        return plan

    def use_settings(self, settings: Settings) -> None:
        """Plan by these settings from now on; a pending plan that was made by others is dropped."""
        if _planning(settings) != _planning(self.settings):
            self.drop_pending(say("the settings have changed since"))
        self.settings = settings

    async def execute(self, plan: Plan) -> str:
        """Carry `plan` out; answers with the closing sentence. Raises `RebalanceRefused`, nothing sent then."""
        self._refuse_while_running()
        self._executing = plan.plan_id
        try:
            async with self._turn:
                return await self.executor.run(plan, self.settings)
        finally:
            self._executing = None

    async def flatten(self) -> Plan:
        """Halt, cancel open orders, confirm that, then sell all that the strategy holds; answers with the plan.

        The halt stays in force, also where it raises `RebalanceRefused`: the account does not answer, or a cancel is
        not confirmed.
        """
        self.controls.engage(Control.HALTED)
        log.warning("flatten: trading is halted, open orders are cancelled, then the strategy's holdings are sold")
        left = (await self.cancel_working()).open
        if left:
            raise RebalanceRefused(
                say(
                    "the cancel of {left} is not proven, so nothing was sold; trading stays halted. "
                    "Settle it on the Orders screen, then flatten again.",
                    left=listed(left),
                )
            )
        # A run that was on its way ends first: halted, it sends nothing more.
        return await self._sell_off(_Aim(Origin.FLATTEN, Unknown(say("a flatten follows no list"))))

    async def sell(self, code: BondCode) -> Plan:
        """Sell all that the strategy owns of one bond, through the bid; answers with what was planned.

        Raises `RebalanceRefused`, nothing sent then, where another run has the account, the account does not answer or
        the bond cannot be sold now.
        """
        self._refuse_while_running()
        return await self._sell_off(_Aim(Origin.SALE, Unknown(say("a sale by hand follows no list")), code))

    async def leave(self) -> Plan:
        """Sell, through the bid, what is owned and whose trading is about to end; answers with what was planned.

        Raises `RebalanceRefused` as `sell` does.
        """
        self._refuse_while_running()
        return await self._sell_off(_Aim(Origin.EXIT, Unknown(say("an exit follows no list"))))

    def _refuse_while_running(self) -> None:
        if self._executing is not None:
            raise RebalanceRefused(
                say("run {executing} is in progress, a second one cannot start", executing=self._executing)
            )

    async def _sell_off(self, aim: _Aim) -> Plan:
        orders = self.settings.orders.model_copy(update={"type": "market"})
        settings = self.settings.model_copy(update={"orders": orders})
        async with self._turn:
            plan_id = self._new_plan(aim)
            self._executing = plan_id
            try:
                plan = plan_for(await self.gather(plan_id), settings)
                if not plan.legs and (aim.only is not None or aim.origin is Origin.EXIT):
                    raise RebalanceRefused(_why_not_sold(plan, aim.only))
                await self.executor.run(plan, settings)
                return plan
            finally:
                self._executing = None

    async def cancel_working(self) -> Cancelled:
        """Cancel every live order, also those of a running stop or rebalance, and wait for the proofs."""
        order_manager = self.order_manager
        live = [order.intent.client_order_id for order in order_manager.journal.open() if order.live]
        if not await order_manager.cancel_and_wait(live):
            await order_manager.sync_with_broker()
        done = tuple(key for key in live if order_manager.journal[key].done)
        return Cancelled(done, tuple(key for key in live if key not in done))

    async def reconcile(self) -> tuple[str, ...] | None:
        """What keeps trading off, row by row; None while a rebalance has the account to itself."""
        return None if self._turn.locked() else await self.reconcile_in_turn()

    async def reconcile_in_turn(self) -> tuple[str, ...]:
        """The same, after what has the account now."""
        async with self._turn:
            return await reconcile(self.order_manager)

    async def self_test(self, quotes: Sequence[Quote], begun: Callable[[str], None]) -> SelfTest:
        """Test the account's units, while nothing else has the account."""
        async with self._turn:
            return await self_test(self.order_manager, quotes, begun)

    async def selection(self) -> Maybe[Selection]:
        """The day's list, checked against its date and the last one followed; else the reason why it is not used."""
        fetched = await self._fetch()
        if isinstance(fetched, Unknown):
            return fetched
        chosen = self.settings.strategy
        last = self.runs.last_list(chosen.strategy_id, chosen.history_id)
        return self._checked(fetched.value, last, self._days())

    def _days(self) -> Maybe[tuple[date, ...]]:
        return self._list_days(self.clock.now(), self.settings.guards.max_list_age)

    def _checked(self, selection: Selection, last: Selection | None, days: Maybe[tuple[date, ...]]) -> Maybe[Selection]:
        """The list as one that may be traded now; else the reason why not."""
        if isinstance(days, Unknown):
            return days
        refusal = check_selection(selection, last, days.value, self.settings)
        return Known(selection) if refusal is None else Unknown(refusal)

    async def gather(self, plan_id: str) -> PlanInput:
        """Gather everything that this plan is made from, with its own list."""
        state = await self.account.read()
        now = self.clock.now()
        ledger = self.order_manager.ledger.holdings()
        origin, selection, only = self._aims.get(plan_id, _Aim(Origin.REBALANCE, _NO_LIST))
        days = self._days()
        if isinstance(selection, Known):
            selection = self._checked(selection.value, None, days)  # it may have grown too old since
        listed = selection.value.codes if isinstance(selection, Known) else ()
        today = now.date()
        codes = _without_duplicates([*listed, *sorted(ledger)])
        quotes = await self.feed.snapshot(codes)
        checked = self.settings.cross_checked and origin not in SALES_ALONE
        second = await self._second.second_opinion(codes) if checked and self._second is not None else None
        known = self._dangers
        return PlanInput(
            plan_id=plan_id,
            mode=self.settings.mode,
            now=now,
            trading_day=today,
            selection=selection,
            positions=state.positions,
            ledger=Known(ledger),
            asset=state.asset,
            quotes=quotes,
            busy=Known(self.order_manager.unavailable_bonds(origin)),
            stopped=self.order_manager.stopped_today(),
            bought_today=self.order_manager.bought_today(today),
            origin=origin,
            freed=freed(self.order_manager.journal.of_day(today), ledger) if origin is Origin.REFILL else NOTHING,
            no_buys=self.controls.why_no_buys(),
            only=only,
            barred=known.not_buyable(listed) if known else {},
            unclear=known.unclear(listed) if known else frozenset(),
            leaving=known.must_sell(ledger) if known else {},
            notes=known.notes(codes) if known else {},
            doubts={} if second is None else doubts(quotes, second, today, self.settings.guards.cross_check_ratio),
            names={code: known.name(code) for code in codes} if known else {},
            list_days=days.value if isinstance(days, Known) else (),
        )

    def _new_plan(self, aim: _Aim) -> str:
        """The id of a new plan, with what it is for kept for its execution."""
        plan_id = f"{self.clock.now():%y%m%d}-{secrets.token_hex(3)}"
        same = [key for key, kept in self._aims.items() if kept.follows_the_list_of(aim)][-_MOST_PENDING:]
        self._aims = {key: kept for key, kept in self._aims.items() if key == self._executing or key in same}
        self._aims[plan_id] = aim
        self._pending = {key: plan for key, plan in self._pending.items() if key in self._aims}
        return plan_id


def _planning(settings: Settings) -> tuple[object, ...]:
    """What a plan depends on."""
    return settings.strategy, settings.buy, settings.orders, settings.guards, settings.fees


def _why_not_sold(plan: Plan, code: BondCode | None) -> str:
    if plan.refused is not None:
        return plan.refused
    if plan.blocked:
        return say("{code} was not sold: {reason}", code=plan.blocked[0].code, reason=plan.blocked[0].reason)
    return say("{code} was not sold: the strategy owns nothing of it", code=code or say("nothing"))


def _without_duplicates(codes: Iterable[BondCode]) -> tuple[BondCode, ...]:
    return tuple(dict.fromkeys(codes))
