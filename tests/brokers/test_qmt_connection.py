"""The QMT connection: session ids, attempts, which responses count, and what is reported."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from datetime import datetime
from itertools import count, pairwise

import pytest
from miniqmt_emulator.control import Control

from core.brokers.qmt import QmtBroker
from core.brokers.qmt_connection import RETRY_GAP, SessionIds
from core.brokers.qmt_rows import UnreadableRow
from core.infra.clock import ScaledClock
from core.model.known import Known, Unknown
from core.model.order import Confirmed, Intent, Refused, Side, Unresolved
from core.model.settings import QmtSettings
from core.model.time import SHANGHAI
from tests.contract.venue import SH, SZ, intent
from tests.miniqmt.terminal import shared_terminal
from tests.waiting import PATIENCE

ACCOUNT = "8880001"
OPENING = datetime(2026, 5, 15, 10, 0, tzinfo=SHANGHAI)
SPEED = 50.0
_blocks = count(20_000, 10)


class Line:
    """A broker, its clock, and the ids it has used."""

    def __init__(self, control: Control, *, day_off: bool = False, timeout: float = 0.8) -> None:
        self.control = control
        self.clock = ScaledClock(OPENING, SPEED)
        self.tries: list[tuple[int, float]] = []
        self.ids = SessionIds(next(_blocks), 3, None, lambda number: self.tries.append((number, self.clock.elapsed())))
        qmt = QmtSettings(userdata=str(shared_terminal().userdata), account=ACCOUNT)
        self.broker = QmtBroker(qmt, self.clock, self.ids, is_day_off=lambda: day_off, timeout=timeout)

    async def link_is(self, *, up: bool) -> None:
        changed = asyncio.Event()
        self.broker.watch_connection(changed.set)
        async with asyncio.timeout(PATIENCE):
            while self.broker.connection.connected is not up:
                changed.clear()
                await changed.wait()

    async def tried(self, times: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.tries) < times:
                await self.clock.sleep(0.2)


@pytest.fixture
def control() -> Control:
    control = shared_terminal().control
    control.reset(
        {
            "clock": {"now": OPENING.isoformat(), "frozen": True},
            "accounts": [{"account_id": ACCOUNT, "cash": 100_000.0}],
            "instruments": [{"code": str(SH), "name": "bond", "prev_close": 100.0}],
            "settings": {"latency": {"default": 0.0}, "session_reuse_gap": 0.0},
        }
    )
    return control


@pytest.fixture
async def line(control: Control) -> AsyncGenerator[Line]:
    line = Line(control)
    yield line
    await line.broker.stop()


def buy(key: str) -> Intent:
    return intent(key, SH, Side.BUY, 10, "100")


class TestConnecting:
    async def test_session_ids_rotate_and_attempts_are_spaced(self, line: Line) -> None:
        line.control.drop_link("trade")
        await line.broker.start()
        await line.tried(5)
        first = line.tries[0][0]
        assert [number for number, _ in line.tries[:5]] == [first, first + 1, first + 2, first, first + 1]
        moments = [at for _, at in line.tries]
        assert all(later - earlier >= RETRY_GAP for earlier, later in pairwise(moments))

    async def test_connecting_never_gives_up_and_names_its_start(
        self, line: Line, caplog: pytest.LogCaptureFixture
    ) -> None:
        line.control.drop_link("trade")
        with caplog.at_level(logging.INFO):
            await line.broker.start()
            since = line.broker.connection.since
            await line.tried(6)
        assert line.broker.connection.since == since
        assert "MiniQMT is not running, or not logged in" in line.broker.connection.detail
        assert isinstance(answer := await line.broker.asset(), Unknown)
        assert f"not connected since {since:%m-%d %H:%M:%S}" in answer.reason
        assert sum("is not connected" in record.message for record in caplog.records) == 1, "told once, not six times"
        line.control.restore_link("trade")
        await line.link_is(up=True)
        assert isinstance(await line.broker.asset(), Known)

    async def test_reconnecting_pauses_on_a_closed_day(self, control: Control) -> None:
        line = Line(control, day_off=True)
        control.drop_link("trade")
        await line.broker.start()
        await line.tried(2)
        await line.clock.sleep(60)
        assert len(line.tries) == 2
        await line.broker.stop()

    async def test_a_session_id_in_use_costs_one_attempt(self, line: Line) -> None:
        other = Line(line.control)
        other.ids.first = line.ids.first
        await other.broker.start()
        await line.broker.start()
        assert not line.broker.connection.connected
        await line.link_is(up=True)
        assert other.broker.connection.connected
        await other.broker.stop()

    @pytest.mark.parametrize("op", ["subscribe", "query_account_status"])
    async def test_connected_only_after_account_and_status_are_known(self, line: Line, op: str) -> None:
        line.control.next_call(op, "empty" if op.startswith("query") else "refuse", times=-1)
        await line.broker.start()
        assert not line.broker.connection.connected
        assert ACCOUNT in line.broker.connection.detail
        line.control.clear_script()
        await line.link_is(up=True)

    async def test_a_status_pushed_early_does_not_make_a_connection_usable(self, line: Line) -> None:
        """The terminal pushes the status on subscribing; it is queried as well."""
        seen: list[bool] = []
        line.broker.watch_connection(lambda: seen.append(line.broker.connection.connected))
        line.control.next_call("query_account_status", "no_response", times=-1)
        await line.broker.start()
        assert True not in seen
        assert "did not answer" in line.broker.connection.detail

    async def test_a_failing_sdk_is_retried(self, line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
        from xtquant.xttrader import XtQuantTrader

        def fails(*_: object) -> int:
            raise OSError("the lock file of the session is in use")

        with monkeypatch.context() as patch:
            patch.setattr(XtQuantTrader, "connect", fails)
            await line.broker.start()
            assert "the lock file of the session is in use" in line.broker.connection.detail
            await line.tried(3)
        await line.link_is(up=True)
        with monkeypatch.context() as patch:
            patch.setattr(XtQuantTrader, "query_stock_asset_async", fails)
            assert isinstance(await line.broker.asset(), Unknown)
            patch.setattr(XtQuantTrader, "order_stock_async", fails)
            assert isinstance(await line.broker.place(buy("k-1")), Unresolved)

    async def test_an_unreadable_row_does_not_close_the_connection(
        self, line: Line, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await line.broker.start()
        line.control.set_position(ACCOUNT, str(SH), 20, 101.5)

        def cut(_: object) -> None:
            raise UnreadableRow("a row's code cannot be read")

        monkeypatch.setattr("core.brokers.qmt_rows.read_position", cut)
        for _ in range(5):
            assert isinstance(await line.broker.positions(), Unknown)
        assert line.broker.connection.connected

    async def test_an_account_status_other_than_0_blocks_trading_until_it_is_0(self, line: Line) -> None:
        line.control.set_account_status(ACCOUNT, 4)
        await line.broker.start()
        assert (line.broker.connection.connected, "state 4 (初始化中" in line.broker.connection.detail) == (False, True)
        line.control.set_account_status(ACCOUNT, 0)
        await line.link_is(up=True)
        assert len(line.tries) == 1, "the connection itself was good"

    async def test_an_account_unknown_to_the_terminal_is_reported(self, control: Control) -> None:
        line = Line(control)
        line.control.reset({"accounts": [], "settings": {"session_reuse_gap": 0.0}})
        await line.broker.start()
        assert "does not offer account 8880001" in line.broker.connection.detail
        await line.broker.stop()

    async def test_a_new_connection_has_a_new_number(self, line: Line) -> None:
        await line.broker.start()
        before = line.broker.connection.number
        line.control.drop_session(line.tries[-1][0])
        await line.link_is(up=False)
        await line.link_is(up=True)
        assert line.broker.connection.number == before + 1

    async def test_events_of_an_old_connection_are_ignored(self, line: Line) -> None:
        heard: list[object] = []
        line.broker.subscribe(heard.append)
        await line.broker.start()
        old = line.broker._connection.session  # pyright: ignore[reportPrivateUsage]
        assert old is not None
        line.control.drop_session(line.tries[-1][0])
        await line.link_is(up=False)
        old._callback.on_disconnected()  # pyright: ignore[reportPrivateUsage]
        await line.link_is(up=True)
        old._callback.on_disconnected()  # pyright: ignore[reportPrivateUsage]
        await line.broker.asset()
        assert line.broker.connection.connected


CREDIT, HUGANGTONG = 3, 7


class TestAccountTypes:
    """Accounts of several types may stand under one number."""

    async def test_statuses_of_other_types_under_the_number_change_nothing(self, line: Line) -> None:
        line.control.list_type(ACCOUNT, CREDIT, 3)
        await line.broker.start()
        line.control.list_type(ACCOUNT, HUGANGTONG, -1)
        line.control.list_type(ACCOUNT, CREDIT, 8)
        assert isinstance(await line.broker.asset(), Known)
        assert (line.broker.connection.connected, len(line.tries)) == (True, 1)
        line.control.set_account_status(ACCOUNT, 3)
        await line.link_is(up=False)
        line.control.list_type(ACCOUNT, CREDIT, 0)
        assert isinstance(await line.broker.asset(), Unknown)
        assert not line.broker.connection.connected

    @pytest.mark.parametrize("takes_subscription", [True, False])
    async def test_a_number_of_a_margin_account_only_is_refused_in_words(
        self, line: Line, *, takes_subscription: bool
    ) -> None:
        if takes_subscription:
            line.control.configure(distort={"XtAccountStatus": {"m_nAccountType": CREDIT}})
        else:
            line.control.reset(
                {
                    "accounts": [{"account_id": ACCOUNT, "account_type": CREDIT}],
                    "settings": {"session_reuse_gap": 0.0},
                }
            )
        await line.broker.start()
        assert f"lists {ACCOUNT} as an account of type CREDIT, not STOCK" in line.broker.connection.detail

    async def test_an_odd_status_of_another_account_changes_nothing(self, line: Line) -> None:
        line.control.add_account("9990001", 0.0)
        odd = {"only": {"m_strAccountID": "9990001"}, "m_nAccountType": 2147483647, "m_nStatus": 2147483647}
        line.control.configure(distort={"XtAccountStatus": odd})
        await line.broker.start()
        assert line.broker.connection.connected

    async def test_rows_of_another_type_are_not_the_accounts(self, line: Line) -> None:
        heard: list[object] = []
        line.broker.subscribe(heard.append)
        await line.broker.start()
        for code in (SH, SZ):
            line.control.add_instrument(str(code), name="bond", prev_close=100.0)
            line.control.set_quote(str(code), 100.0, depth=1000, volume_add=1000)
            line.control.set_position(ACCOUNT, str(code), 20, 101.5)
        foreign = {"only": {"m_strStockCode": str(SH)}, "m_nAccountType": CREDIT}
        line.control.configure(distort={"XtPosition": foreign, "XtOrder": foreign, "XtTrade": foreign})
        for code in (SH, SZ):
            line.control.manual_order(ACCOUNT, str(code), 24, 10, 99.0)
        line.control.settle()
        day = OPENING.date()
        for answer in (await line.broker.positions(), await line.broker.orders(day), await line.broker.fills(day)):
            assert isinstance(answer, Known)
            assert [row.code for row in answer.value] == [SZ]
        assert {getattr(event, "code", None) for event in heard} == {SZ}

    @pytest.mark.parametrize("number", [CREDIT, 0, 2147483647])
    async def test_money_of_another_type_or_of_none_is_unknown(self, line: Line, number: int) -> None:
        await line.broker.start()
        line.control.configure(distort={"XtAsset": {"m_nAccountType": number}})
        assert isinstance(await line.broker.asset(), Unknown)
        line.control.configure(distort={"XtAsset": {}})
        assert isinstance(await line.broker.asset(), Known)

    @pytest.mark.parametrize("number", [CREDIT, 0, 2147483647])
    async def test_an_order_of_rotor_under_another_type_never_counts_as_absent(self, line: Line, number: int) -> None:
        await line.broker.start()
        line.control.configure(distort={"XtOrder": {"m_nAccountType": number}})
        assert isinstance(await line.broker.place(buy("k-1")), Confirmed)
        assert isinstance(await line.broker.orders(OPENING.date()), Unknown)
        line.control.next_order("reject_local")
        assert isinstance(await line.broker.place(buy("k-2")), Unresolved)


class TestOutcomes:
    async def test_an_order_number_is_a_confirmation(self, line: Line) -> None:
        await line.broker.start()
        assert isinstance(await line.broker.place(buy("k-1")), Confirmed)

    async def test_minus_one_is_a_refusal_with_its_full_text(self, line: Line) -> None:
        await line.broker.start()
        text = "[COUNTER][251020][" + "很长的理由" * 6 + "]"
        line.control.next_order("reject_local", error_msg=text)
        outcome = await line.broker.place(buy("k-1"))
        assert outcome == Refused(f"MiniQMT refused the order: {text}")

    async def test_a_response_the_sdk_cannot_read_leaves_the_outcome_unknown(self, line: Line) -> None:
        """The SDK's Python layer decodes a text its native part cut inside a character: the response is lost."""
        await line.broker.start()
        line.control.next_order("reject_local", error_msg="很" * 60)
        assert isinstance(await line.broker.place(buy("k-1")), Unresolved)

    async def test_minus_one_without_an_order_list_leaves_the_outcome_unknown(self, line: Line) -> None:
        await line.broker.start()
        line.control.next_order("reject_local")
        line.control.next_call("query_orders", "no_response")
        assert isinstance(await line.broker.place(buy("k-1")), Unresolved)

    async def test_many_refusals_share_one_query(self, line: Line) -> None:
        await line.broker.start()
        line.control.next_order("reject_local", times=-1)
        before = line.control.dump()["calls"].get("query_orders", 0)
        outcomes = await asyncio.gather(*(line.broker.place(buy(f"k-{n}")) for n in range(20)))
        assert all(isinstance(outcome, Refused) for outcome in outcomes)
        assert line.control.dump()["calls"]["query_orders"] - before <= 10, "those of one moment share a question"

    async def test_a_stale_error_of_another_order_is_not_reported_again(
        self, line: Line, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The SDK keeps an error received before its -1 and delivers it again with the next one."""
        await line.broker.start()
        with caplog.at_level(logging.WARNING):
            line.control.next_order("reject_local", error_before_response=True, error_msg="first")
            line.control.next_order("reject_local", error_msg="second")
            one = await line.broker.place(buy("k-1"))
            two = await line.broker.place(buy("k-2"))
        assert (one, two) == (Refused("MiniQMT refused the order: first"), Refused("MiniQMT refused the order: second"))
        assert [record.message for record in caplog.records if "first" in record.message] == [
            "MiniQMT rejected k-1: first"
        ]

    @pytest.mark.parametrize("kind", ["no_response", "no_ack"])
    async def test_a_timeout_leaves_the_outcome_unknown(self, line: Line, kind: str) -> None:
        await line.broker.start()
        line.control.next_order(kind)
        assert isinstance(await line.broker.place(buy("k-1")), Unresolved)

    async def test_nothing_is_sent_while_disconnected(self, line: Line) -> None:
        line.control.drop_link("trade")
        await line.broker.start()
        outcome = await line.broker.place(buy("k-1"))
        assert isinstance(outcome, Refused)
        assert line.control.requests() == []

    async def test_a_reject_text_cut_inside_a_character_is_still_read(self, line: Line) -> None:
        """Reading such a text raises; the full text came with the error."""
        line.control.configure(status_msg_cut="byte")
        await line.broker.start()
        line.control.next_order("junk", error_msg="可用资金不足，请检查后重新委托")
        await line.broker.place(buy("k-1"))
        listed = await line.broker.orders(OPENING.date())
        assert isinstance(listed, Known)
        assert [order.message for order in listed.value] == ["可用资金不足，请检查后重新委托"]

    async def test_shares_in_the_account_are_ignored(self, line: Line) -> None:
        line.control.add_instrument("600000.SH", kind="stock", prev_close=10.0)
        line.control.set_position(ACCOUNT, "600000.SH", 500, 9.0)
        line.control.set_position(ACCOUNT, str(SH), 20, 101.5)
        await line.broker.start()
        line.control.manual_order(ACCOUNT, "600000.SH", 24, 100, 9.0)
        line.control.settle()
        positions = await line.broker.positions()
        assert isinstance(positions, Known)
        assert [(row.code, row.volume) for row in positions.value] == [(SH, 20)]
        assert await line.broker.orders(OPENING.date()) == Known(())


async def test_a_market_value_without_a_position_is_unknown_and_says_what_to_check(line: Line) -> None:
    await line.broker.start()
    line.control.configure(distort={"XtAsset": {"m_dMarketValue": 5000.0}})
    listed = await line.broker.positions()
    assert isinstance(listed, Unknown)
    assert listed.reason.startswith("MiniQMT lists no position, but a market value of 5,000.00 CNY. Compare it with")
    assert (
        f"account {ACCOUNT}. If some are missing there, log in to MiniQMT again; else ask the broker" in listed.reason
    )
    line.control.configure(distort={"XtAsset": {}})
    assert await line.broker.positions() == Known(())
