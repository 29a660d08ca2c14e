"""The engine's answer to each command."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import date
from functools import partial
from typing import Any, TypeVar, cast

from core.engine.adoption import adoption_of
from core.engine.assembly import Components
from core.engine.benchmark import benchmark_of
from core.engine.bond_metrics import MetricsReader
from core.engine.current_settings import CurrentSettings
from core.engine.doctor.examination import examine
from core.engine.login import PlatformLogin, name_of
from core.engine.reports import export_report, read_equity, read_report
from core.engine.scheduler import RunScheduler
from core.engine.settings_commands import SettingsCommands
from core.engine.snapshots import bond_card, bond_day_line, listed_bonds
from core.engine.trading_commands import CommandDeclined, TradingCommands
from core.factorcat.errors import FactorCatError
from core.factorcat.record_detail import read_detail
from core.i18n import language, say
from core.infra.config import SettingsError, write_setting
from core.infra.credentials import Credentials
from core.infra.home import Home, HomeUnusable, database_files
from core.infra.logs import find_in_log, read_log, redacted
from core.model import command as commands
from core.model.backtest import RecordDetail
from core.model.bond import BondCode, CodeRefused
from core.model.bond_info import BondDetail
from core.model.command import Command, Done, Failed, Reply
from core.model.errors import RefusedError
from core.model.finding import Finding
from core.model.known import Known, Maybe, Unknown
from core.model.log_page import LogLine, LogPage
from core.model.order import Origin
from core.model.platform import Page, Record, RecordRule, Strategy
from core.model.record_card import RecordCard, ScheduleProposal
from core.model.report import CashFlow, Report
from core.model.series import Benchmark, DayLine, EquityLine
from core.model.snapshot import Adoption, Followed, Need, Rebalance
from core.model.time import SHANGHAI
from core.retold import retell
from core.rules.record_parameters import rule_of
from core.rules.record_schedule import proposed, schedule_text
from core.trading.settle import adopt, adoptable, release, settle

log = logging.getLogger(__name__)

T = TypeVar("T")


class CommandHandlers:
    """One method per command. The answer is always a `Reply`: what goes wrong becomes a sentence.

    `changed` is called after each command: a new snapshot is due.
    """

    def __init__(
        self,
        components: Components,
        current: CurrentSettings,
        trading: TradingCommands,
        scheduler: RunScheduler,
        sign_in: PlatformLogin,
        settings: SettingsCommands,
        home: Home,
        credentials: Credentials,
        metrics: MetricsReader,
        changed: Callable[[], None],
    ) -> None:
        self._components = components
        self._current = current
        self._trading = trading
        self._scheduler = scheduler
        self._sign_in = sign_in
        self._home = home
        self._credentials = credentials
        self._metrics = metrics
        self._changed = changed
        self._handlers: dict[type[Command[Any]], Callable[[Any], Awaitable[Any]]] = {
            commands.Login: sign_in.log_in,
            commands.Logout: sign_in.log_out,
            commands.ListStrategies: self._strategies,
            commands.ListRecords: self._records,
            commands.ShowRecord: self._record,
            commands.ReadRule: self._rule,
            commands.ShowDetail: self._detail,
            commands.ShowBond: self._bond,
            commands.ReadDayLine: self._day_line,
            commands.RunStrategy: self._follow,
            commands.MakePlan: self._trading.plan,
            commands.ExecutePlan: self._execute,
            commands.CancelOrder: self._trading.cancel,
            commands.PauseBuys: self._trading.pause,
            commands.Halt: self._trading.halt,
            commands.Resume: self._trading.resume,
            commands.CancelWorking: self._trading.cancel_working,
            commands.Flatten: self._trading.flatten,
            commands.SellOne: self._trading.sell_one,
            commands.DropMissed: self._drop_missed,
            commands.Reconcile: self._reconcile,
            commands.SettleOrder: self._settle,
            commands.Adopt: self._adopt,
            commands.AskAdoption: self._ask_adoption,
            commands.Release: self._release,
            commands.EnterFlow: self._enter_flow,
            commands.RemoveFlow: self._remove_flow,
            commands.GiveConsent: self._consent,
            commands.RunSelfTest: self._self_test,
            commands.ReadLog: self._read_log,
            commands.ReadSettings: settings.read,
            commands.CheckSetting: settings.check,
            commands.ChangeSetting: settings.change,
            commands.StoreSecret: settings.store,
            commands.ForgetSecret: settings.forget,
            commands.OpenSafe: sign_in.open_safe,
            commands.TryQmt: settings.test_qmt,
            commands.TryNotify: settings.test_notify,
            commands.Examine: self._examine,
            commands.TryLogin: settings.test_login,
            commands.FindInLog: self._find_in_log,
            commands.ReadOrders: self._orders,
            commands.ReadReport: self._report,
            commands.ReadEquity: self._equity,
            commands.ReadBenchmark: self._benchmark,
            commands.ExportReport: self._export_report,
        }

    async def answer(self, command: Command[T]) -> Reply[T]:
        try:
            return Done(cast(T, await self._handlers[type(command)](command)))
        except (RefusedError, CodeRefused) as refusal:
            return Failed(str(refusal), refused=True)
        except (FactorCatError, SettingsError, HomeUnusable, OSError) as error:
            return Failed(str(error))
        except Exception as error:
            log.exception("the command %s failed", type(command).__name__)
            return Failed(say("this could not be done: {error}. The log tells more.", error=redacted(str(error))))
        finally:
            self._changed()

    async def _strategies(self, command: commands.ListStrategies) -> Page[Strategy]:
        await self._sign_in.wait_ended()
        return await self._components.platform.strategies(command.page, command.limit, command.search)

    async def _records(self, command: commands.ListRecords) -> Page[Record]:
        await self._sign_in.wait_ended()
        unit = self._components.settings.factorcat.returns
        return await self._components.platform.records(command.strategy_id, command.page, command.limit, unit)

    async def _record(self, command: commands.ShowRecord) -> RecordCard:
        await self._sign_in.wait_ended()
        platform, record = self._components.platform, (command.strategy_id, command.history_id)
        parameters, selection = await asyncio.gather(
            _or_unknown(platform.parameters(*record)), _or_unknown(platform.selection(*record))
        )
        if isinstance(parameters, Unknown) and isinstance(selection, Unknown):
            raise FactorCatError(parameters.reason)
        known = isinstance(selection, Known)
        listed = await listed_bonds(self._components, self._metrics, selection.value) if known else ()
        rule, wanted = rule_of(parameters), self._current.wanted
        schedule = wanted.schedule
        fitting = proposed(rule, schedule)
        proposal = ScheduleProposal(fitting, schedule_text(fitting), schedule_text(schedule)) if fitting else None
        return RecordCard(*record, parameters, rule, selection, listed, proposal, wanted.buy)

    async def _rule(self, command: commands.ReadRule) -> RecordRule:
        await self._sign_in.wait_ended()
        return rule_of(Known(await self._components.platform.parameters(command.strategy_id, command.history_id)))

    async def _detail(self, command: commands.ShowDetail) -> RecordDetail:
        await self._sign_in.wait_ended()
        detail = await self._components.platform.detail(command.strategy_id, command.history_id)
        unit = self._components.settings.factorcat.returns
        return await asyncio.to_thread(read_detail, detail, command.page, unit)

    async def _bond(self, command: commands.ShowBond) -> BondDetail:
        return await bond_card(self._components, self._metrics, BondCode(command.code))

    async def _day_line(self, command: commands.ReadDayLine) -> DayLine:
        return await bond_day_line(self._components, BondCode(command.code))

    async def _follow(self, command: commands.RunStrategy) -> Followed:
        self._trading.decline_while_running()
        # Asked before anything is written: an answer that fails must not leave the file ahead of the engine.
        name = command.strategy_name or await name_of(self._components.platform, command.strategy_id)
        wanted, numbers = self._current.wanted, {"strategy_id": command.strategy_id, "history_id": command.history_id}
        schedule, before = command.schedule or wanted.schedule, wanted.schedule.model_dump()
        new = {key: value for key, value in schedule.model_dump().items() if value != before[key]}
        changes: dict[str, Any] = {f"strategy.{key}": value for key, value in numbers.items()}
        changes |= {f"schedule.{key}": value for key, value in new.items()}
        await asyncio.to_thread(write_setting, self._home.path, changes)
        chosen = wanted.strategy.model_copy(update=numbers)
        await self._current.change(wanted.model_copy(update={"strategy": chosen, "schedule": schedule}))
        self._components.state.strategy_name = name
        self._components.rotation.drop_pending(say("another strategy was chosen since"))
        await self._components.followed_record.ask()
        log.info("following record %d of strategy %d %s", command.history_id, command.strategy_id, name)
        if schedule != wanted.schedule:
            log.info("the schedule of the record is in use: %s", schedule_text(schedule))
        return Followed(command.strategy_id, command.history_id, name)

    async def _execute(self, command: commands.ExecutePlan) -> Rebalance:
        finished = await self._trading.execute(command)
        if finished.origin is Origin.REBALANCE:
            self._scheduler.rebalanced()
        return finished

    async def _drop_missed(self, _: commands.DropMissed) -> None:
        missed = self._scheduler.drop_missed()
        if missed is None:
            raise CommandDeclined(say("no run was missed"))
        log.info("the missed %s of %s will not be run later", missed.name, f"{missed.planned_at:%Y-%m-%d %H:%M}")

    async def _settle(self, command: commands.SettleOrder) -> str:
        self._trading.decline_while_running()
        order = await settle(self._components.order_manager, command.client_order_id, filled=command.filled)
        await self._components.rotation.reconcile()
        return str(order.state)

    async def _ask_adoption(self, command: commands.AskAdoption) -> Adoption:
        await self._sign_in.wait_ended()  # it asks for the strategy's ratios
        code, order_manager = BondCode(command.code), self._components.order_manager
        more, cost = await adoptable(order_manager, code)
        found = (await self._components.feed.snapshot([code]))[code]
        return adoption_of(self._components, code, more, cost, order_manager.ledger.holdings().get(code), found)

    async def _adopt(self, command: commands.Adopt) -> int:
        self._trading.decline_while_running()
        asked = await self._ask_adoption(commands.AskAdoption(command.code))
        chosen = asked.on(command.basis)
        if isinstance(chosen, Unknown):
            raise CommandDeclined(chosen.reason)
        if chosen.value.through and not command.sell_now:
            raise CommandDeclined(
                say(
                    "{code} was not adopted at {price}: {through}. Take today's price as the basis "
                    "(rotor adopt {code} --basis last), or agree to the sale (--sell-now).",
                    code=asked.code,
                    price=chosen.value.price,
                    through=chosen.value.through,
                )
            )
        more = await adopt(self._components.order_manager, asked.code, chosen.value.price)
        await self._components.rotation.reconcile()
        return more

    async def _release(self, command: commands.Release) -> int:
        self._trading.decline_while_running()
        owned = await release(self._components.order_manager, BondCode(command.code))
        await self._components.rotation.reconcile()
        return owned

    async def _enter_flow(self, command: commands.EnterFlow) -> CashFlow:
        now = self._components.clock.now()
        at = (command.at or now).astimezone(SHANGHAI).replace(microsecond=0)
        if not command.amount.is_finite() or not command.amount or at > now:
            raise CommandDeclined(say("A payment has an amount other than 0 and a time that has passed."))
        try:
            return self._components.equity.enter(command.amount, at)
        except ValueError as error:
            raise CommandDeclined(say("The payment was not recorded: {error}.", error=error)) from None

    async def _remove_flow(self, command: commands.RemoveFlow) -> CashFlow:
        try:
            return self._components.equity.remove(command.number)
        except ValueError as error:
            raise CommandDeclined(say("Nothing was removed: {error}.", error=error)) from None

    async def _consent(self, command: commands.GiveConsent) -> None:
        live_consent, account = self._components.live_consent, self._components.order_manager.broker.account
        if live_consent is None:
            raise CommandDeclined(
                say("{mode} mode asks for no consent: it moves no real money", mode=say(self._components.settings.mode))
            )
        if command.account.strip() != account:
            raise CommandDeclined(
                say(
                    "that is not the account of the settings, which is {account}: nothing was agreed to",
                    account=account,
                )
            )
        live_consent.consent()
        log.warning("the user agreed to live orders in account %s", account)

    async def _self_test(self, _: commands.RunSelfTest) -> commands.SelfTest:
        self._trading.decline_while_running()
        components, live_consent = self._components, self._components.live_consent
        if live_consent is None:
            raise CommandDeclined(say("{mode} mode needs no self-test", mode=say(components.settings.mode)))
        self._trading.decline_while_blocked()
        if Need.CONSENT in live_consent.missing():
            raise CommandDeclined(str(live_consent.why_not()))
        self._trading.decline_when_closed()
        known = await components.feed.universe()
        if isinstance(known, Unknown):
            raise CommandDeclined(known.reason)
        quotes = await components.feed.snapshot(known.value)
        try:
            result = await components.rotation.self_test(
                [quote.value for quote in quotes.values() if isinstance(quote, Known)], live_consent.test_begun
            )
        finally:
            live_consent.testing = None
        live_consent.record(result)
        return result

    async def _reconcile(self, _: commands.Reconcile) -> tuple[str, ...]:
        self._trading.decline_while_running()
        await self._components.rotation.reconcile()
        return self._components.order_manager.status.texts

    async def _orders(self, command: commands.ReadOrders) -> commands.DayOfOrders:
        journal = self._components.order_manager.journal
        orders = retell(journal.of_day(command.day), language())
        return commands.DayOfOrders(command.day, orders, *journal.days_beside(command.day))

    async def _read_log(self, command: commands.ReadLog) -> LogPage:
        read = partial(read_log, self._home, before=command.before, after=command.after)
        return await asyncio.to_thread(read, self._day(command.day), command.limit, command.minimum)

    async def _find_in_log(self, command: commands.FindInLog) -> LogLine | None:
        find = partial(find_in_log, self._home, start=command.start, forward=command.forward)
        return await asyncio.to_thread(find, self._day(command.day), command.text, command.minimum)

    def _day(self, wanted: date | None) -> date:
        return wanted or self._components.clock.now().date()

    async def _report(self, command: commands.ReadReport | commands.ExportReport) -> Report:
        components, now = self._components, self._components.clock.now()
        held = tuple(components.order_manager.ledger.holdings())
        quotes = await components.feed.snapshot(held)
        prices = {code: quote.value.last for code, quote in quotes.items() if isinstance(quote, Known)}
        return await asyncio.to_thread(
            read_report,
            database_files(self._home, components.settings)[0],
            components.settings.mode,
            components.order_manager.broker.account,
            prices,
            command.first,
            command.last or now.date(),
            now,
        )

    async def _equity(self, command: commands.ReadEquity) -> EquityLine:
        components, today = self._components, self._day(None)
        before = components.calendar.previous_session(today)
        closed = components.calendar.is_session(today) == Known(value=False)
        day = before.value if closed and isinstance(before, Known) else today
        database = database_files(self._home, components.settings)[0]
        return await asyncio.to_thread(read_equity, database, command.first, day)

    async def _benchmark(self, command: commands.ReadBenchmark) -> Benchmark:
        return await benchmark_of(
            self._components, await self._report(commands.ReadReport(command.first, command.last))
        )

    async def _export_report(self, command: commands.ExportReport) -> tuple[str, ...]:
        report = await self._report(command)
        return tuple(str(path) for path in await asyncio.to_thread(export_report, report, self._home.data / "export"))

    async def _examine(self, _: commands.Examine) -> tuple[Finding, ...]:
        await self._sign_in.wait_ended()  # otherwise it would report a login that is missing for a second only
        return await examine(
            self._home,
            self._components.settings.mode,
            running=self._components.state.shown,
            credentials=self._credentials,
        )


async def _or_unknown(asked: Awaitable[T]) -> Maybe[T]:
    """The platform's answer, or why there is none."""
    try:
        return Known(await asked)
    except FactorCatError as error:
        return Unknown(str(error))
