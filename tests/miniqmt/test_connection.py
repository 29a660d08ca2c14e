"""Connecting, subscribing, losing the link and coming back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from miniqmt_emulator.control import Control

from tests.miniqmt.helpers import ACCOUNT, BOND, HELD, HOUR, TraderHandle, in_thread, until


def test_account_object(trader: TraderHandle) -> None:
    from xtquant.xttype import StockAccount

    account = StockAccount(ACCOUNT)
    assert isinstance(account, StockAccount)
    assert (account.account_type, account.account_id) == (2, ACCOUNT)
    assert isinstance(StockAccount(8880001), str)  # the SDK returns a text instead of raising


def test_python_layer_is_the_wheel_and_natives_are_ours(trader: TraderHandle) -> None:
    import sys

    import miniqmt_emulator
    import xtquant.xttrader

    ours = Path(str(miniqmt_emulator.__file__)).parent
    assert ours not in Path(str(xtquant.xttrader.__file__)).parents
    assert Path(str(sys.modules["xtquant.xtpythonclient"].__file__)).parent == ours / "native"


def test_wrong_path(new_trader: Callable[..., TraderHandle], tmp_path: Path) -> None:
    lost = TraderHandle(tmp_path / "nowhere", 1, ACCOUNT)
    try:
        assert lost.connect() == -1
        assert lost.subscribe() == -1
    finally:
        lost.close()


def test_what_a_disconnected_client_answers(new_trader: Callable[..., TraderHandle], tmp_path: Path) -> None:
    lost = TraderHandle(tmp_path / "nowhere", 1, ACCOUNT)
    try:
        assert lost.asset() is None
        assert lost.positions() == []  # looks like an empty account
        assert lost.orders() == []
        assert lost.trades() == []
        assert lost.position(HELD) is None
        assert lost.buy(10, 118.0) == -1
        assert lost.cancel(1) == -1
        assert lost.api.query_account_status() == []
        assert "on_order_error" not in lost.callback.names()
    finally:
        lost.close()


def test_connect_and_subscribe(trader: TraderHandle, new_trader: Callable[..., TraderHandle]) -> None:
    assert trader.connect() == 0  # again on the same object
    stranger = new_trader(session=200, account="nope")
    assert stranger.connect() == 0
    assert stranger.subscribe() == -1
    assert trader.api.unsubscribe(trader.account) == 0
    assert trader.api.unsubscribe(trader.account) == -1


def test_live_session_id_is_refused(trader: TraderHandle, new_trader: Callable[..., TraderHandle]) -> None:
    assert new_trader(session=trader.session).connect() == -1


def test_session_id_used_a_moment_ago_is_refused(
    trader: TraderHandle, new_trader: Callable[..., TraderHandle], control: Control
) -> None:
    control.configure(session_reuse_gap=30.0)
    trader.close()
    control.wait_for(lambda: not control.dump()["sessions"])
    again = new_trader(session=trader.session)
    assert again.connect() == -1
    control.configure(session_reuse_gap=0.0)
    assert again.connect() == 0


def test_subscribing_pushes_the_account_status(new_trader: Callable[..., TraderHandle]) -> None:
    handle = new_trader()
    handle.connect()
    handle.subscribe()
    assert handle.callback.wait("on_account_status")
    status = handle.callback.of("on_account_status")[0]
    assert (status.account_id, status.status) == (ACCOUNT, 0)


def test_sequence_numbers_start_at_one_for_every_client(new_trader: Callable[..., TraderHandle]) -> None:
    assert [new_trader(session=session).api.async_client.nextSeq() for session in (1, 2)] == [1, 1]


def test_lost_link(trader: TraderHandle, control: Control) -> None:
    control.drop_link("trade")
    assert trader.callback.wait("on_disconnected")
    assert trader.api.connected is True  # never reset by the SDK
    assert trader.asset() is None
    assert trader.positions() == []
    assert trader.buy(10, 118.0) == -1
    assert trader.connect() == -1


def test_reconnect_with_a_new_object_and_id(
    trader: TraderHandle, new_trader: Callable[..., TraderHandle], control: Control
) -> None:
    trader.sell(100, 121.0, "before")
    control.wait_order(remark="before", status=56)
    control.drop_link()
    assert trader.callback.wait("on_disconnected")
    control.restore_link()
    later = new_trader(session=101)
    assert (later.connect(), later.subscribe()) == (0, 0)
    assert [order.order_remark for order in later.orders()] == ["before"]
    assert "on_connected" not in trader.callback.names() + later.callback.names()


def test_loss_noticed_late_swallows_requests(trader: TraderHandle, control: Control) -> None:
    control.drop_link("trade", noticed_after=HOUR)
    blocked, results = in_thread(lambda: trader.buy(10, 118.0, "swallowed"))
    blocked.join(0.2)
    assert trader.callback.names() == []
    control.hurry()
    assert trader.callback.wait("on_disconnected")
    assert not results
    assert blocked.is_alive()  # no timeout was set: this call never returns
    assert control.requests() == []


def test_pushes_during_a_gap_are_lost(
    trader: TraderHandle, new_trader: Callable[..., TraderHandle], control: Control
) -> None:
    order_id = trader.buy(10, 100.0, "resting")
    control.wait_order(remark="resting", status=50)
    control.drop_link("trade")
    control.set_quote(BOND, 100.0, asks=[(100.0, 100)])
    control.wait_order(remark="resting", status=56)
    control.restore_link("trade")
    later = new_trader(session=101)
    later.connect()
    later.subscribe()
    assert later.order(order_id).order_status == 56
    assert later.callback.of("on_stock_order") == []


def test_one_flapping_session(trader: TraderHandle, new_trader: Callable[..., TraderHandle], control: Control) -> None:
    other = new_trader(session=101)
    other.connect()
    control.drop_session(trader.session)
    assert trader.callback.wait("on_disconnected")
    assert other.asset() is not None


def test_connect_refused_or_unanswered(new_trader: Callable[..., TraderHandle], control: Control) -> None:
    handle = new_trader()
    control.next_call("connect", "refuse")
    assert handle.connect() == -1
    control.next_call("connect", "no_response")
    started = time.monotonic()
    assert handle.connect() == -1
    assert time.monotonic() - started > 2.9  # it waits three seconds at most
    assert handle.connect() == 0


def test_account_status(trader: TraderHandle, control: Control) -> None:
    control.set_account_status(ACCOUNT, 3)
    assert until(lambda: [s.status for s in trader.callback.of("on_account_status")] == [3])
    assert [item.status for item in trader.api.query_account_status()] == [3]
    assert trader.buy(10, 118.0, "refused") == -1
    control.set_account_status(ACCOUNT, 0)
    assert trader.buy(10, 118.0, "accepted") > 0


def test_stopping_twice_and_using_a_stopped_trader(trader: TraderHandle) -> None:
    trader.api.stop()
    trader.api.stop()
    blocked, results = in_thread(trader.asset)
    blocked.join(0.2)
    assert blocked.is_alive()
    assert not results
