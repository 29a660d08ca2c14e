"""`rotor run` against a terminal that reports figures which cannot be true: nothing is booked or sold on one, and the
right figure mends it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.running import Running, furnished, ledger, until
from tests.live.test_sources import show
from tests.live.world import ProcessWorld, bonds
from tests.quotes.tencent_service import served

pytestmark = pytest.mark.skipif(os.name == "nt", reason="its processes are ended with POSIX signals")

SELL = 24
OWNED, NEW = bonds(3), bonds(2, 101)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with ProcessWorld(tmp_path, held=OWNED) as world:
        world.furnish([*OWNED, *NEW])
        world.platform.listed = [*OWNED, *NEW]
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "STOPS__TAKE_PROFIT": "0.10"}
        yield world


def falls(world: ProcessWorld, code: str) -> None:
    world.control.set_quote(code, 94.0, depth=100_000, volume_add=10)


def sales(world: ProcessWorld) -> list[str]:
    return [request["code"] for request in world.control.requests() if request["side"] == SELL]


@pytest.mark.slow
@pytest.mark.parametrize(
    "figure",
    [
        {"m_dTradedPrice": 0.0},
        {"m_dCommission": 600.0},
        {"m_dTradedPrice": float("nan")},
        {"m_dTradedPrice": -100.0},
        {"m_dTradedPrice": 10.0},
        {"m_nTradedVolume": 2147483647},
        {"m_nTradedVolume": 5000},
    ],
    ids=str,
)
def test_a_fill_that_cannot_be_true_is_neither_booked_nor_sold(world: ProcessWorld, figure: dict[str, Any]) -> None:
    furnished(world, OWNED)
    bad = NEW[0]
    world.control.configure(distort={"XtTrade": {"only": {"m_strStockCode": bad}, **figure}})
    with Running(world).follows() as run:
        bought = world.start("rebalance", "--yes", "--json")
        until(lambda: NEW[1] in ledger(world), lambda: run.said)
        run.wait_for("cannot be true")
        assert bad not in ledger(world)
        falls(world, OWNED[0])  # the other bonds' stops go on
        until(lambda: OWNED[0] not in ledger(world), lambda: run.said)
        bought.communicate(timeout=60)
        assert bought.returncode == 4, "its order is unresolved"
        assert sales(world) == [OWNED[0]]
        world.control.configure(distort={"XtTrade": {}})
        until(lambda: bad in ledger(world), lambda: run.said)
        falls(world, bad)
        until(lambda: bad not in ledger(world), lambda: run.said)
        assert sales(world) == [OWNED[0], bad]
        assert "Traceback" not in run.said


@pytest.mark.slow
@pytest.mark.parametrize("figure", [{"m_nCanUseVolume": -10}, {"m_nVolume": 2147483647}], ids=str)
def test_a_holding_that_cannot_be_true_waits_for_the_right_figure(world: ProcessWorld, figure: dict[str, Any]) -> None:
    furnished(world, OWNED)
    bad, good = OWNED[0], OWNED[1]
    world.control.configure(distort={"XtPosition": {"only": {"m_strStockCode": bad}, **figure}})
    with Running(world).follows() as run:
        run.wait_for("cannot be true")
        falls(world, bad)
        falls(world, good)
        until(lambda: good not in ledger(world), lambda: run.said)
        code, plan = world.json("plan")
        assert (code, [row["code"] for row in plan["blocked"] if row["side"] == "sell"]) == (0, [])
        assert sales(world) == [good]
        world.control.configure(distort={"XtPosition": {}})
        until(lambda: bad not in ledger(world), lambda: run.said)
        assert "Traceback" not in run.said


@pytest.mark.slow
def test_cash_that_cannot_be_true_buys_nothing_and_lets_stops_fire(world: ProcessWorld) -> None:
    furnished(world, OWNED)
    world.control.configure(distort={"XtAsset": {"m_dCash": float("nan")}})
    with Running(world).follows() as run:
        code, plan = world.json("plan")
        assert (code, plan["legs"]) == (3, [])
        assert "cash" in plan["refused"]
        falls(world, OWNED[0])
        until(lambda: OWNED[0] not in ledger(world), lambda: run.said)
        world.control.configure(distort={"XtAsset": {}})
        until(lambda: world.json("plan")[1]["legs"], lambda: run.said)


@pytest.mark.slow
@pytest.mark.parametrize("against", ["static data", "second source", "second source, late"])
def test_a_previous_close_that_two_disagree_on_sells_nothing(world: ProcessWorld, against: str) -> None:
    """Also where the price is through the level at the start, before the second source has answered."""
    furnished(world, OWNED)
    bad, good = OWNED[0], OWNED[1]
    world.settings |= {"STOPS__BASIS": "prev_close", "QUOTES__SOURCES": '["qmt", "tencent"]'}
    world.settings["GUARDS__CROSS_CHECK"] = "live"
    with served() as tencent:
        world.settings["QUOTES__TENCENT"] = tencent.url
        show(tencent, *OWNED, last="94.000")
        if against == "static data":
            set_detail(world, bad, {"PreClose": 120.0})
        else:
            show(tencent, bad, last="94.000", prev_close="90.000")
        if against == "second source, late":
            at_once = tencent.answer
            tencent.answer = lambda wanted: (time.sleep(2), at_once(wanted))[1]
        falls(world, bad)
        with Running(world).follows() as run:
            falls(world, good)
            until(lambda: good not in ledger(world), lambda: run.said)
            assert sales(world) == [good]
            set_detail(world, bad, {})
            show(tencent, bad, last="94.000")
            until(lambda: falls(world, bad) or bad not in ledger(world), lambda: run.said)
            assert "Traceback" not in run.said


def set_detail(world: ProcessWorld, code: str, detail: dict[str, float]) -> None:
    world.control.add_instrument(code, name="bond", prev_close=100.0, detail=detail)
    world.quote([code])


@pytest.mark.slow
def test_two_rows_of_one_bond_are_summed_and_sold_one_after_the_other(world: ProcessWorld) -> None:
    """Two shareholder accounts of one customer hold the same bond."""
    code = OWNED[0]
    furnished(world, OWNED[1:])
    world.control.configure(shareholder_accounts={code: [60, 40]})
    with Running(world).follows() as run:
        adopted = world.rotor("adopt", code, "--yes")
        assert (adopted.returncode, adopted.stdout) == (0, f"{code}: 100 张\n")
        assert world.json("plan")[0] == 0, "planner and reconciliation see as many as were adopted"
        until(lambda: falls(world, code) or code not in ledger(world), lambda: run.said)
        sold = [request["volume"] for request in world.control.requests() if request["side"] == SELL]
        assert sold == [60, 40]
        assert "Traceback" not in run.said
