"""A terminal that lists accounts of several types under one number: rotor trades the stock account and no other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.running import Running, ledger, until, watched_by_stops
from tests.live.world import ACCOUNT, ProcessWorld, bonds

pytestmark = pytest.mark.slow

CREDIT, FAILED = 3, 3
OWNED = bonds(2)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ProcessWorld]:
    with watched_by_stops(tmp_path, OWNED) as world:
        world.platform.listed = OWNED
        yield world


def test_a_failed_margin_account_under_the_number_stops_no_stop(world: ProcessWorld) -> None:
    with Running(world).follows() as run:
        world.control.list_type(ACCOUNT, CREDIT, FAILED)
        assert world.json("plan")[0] == 0
        world.control.set_quote(OWNED[0], 94.0, depth=100_000, volume_add=10)
        until(lambda: OWNED[0] not in ledger(world), lambda: run.said)
        assert "not connected" not in run.said
        world.control.set_account_status(ACCOUNT, FAILED)
        run.wait_for(f"account {ACCOUNT} is not ready")


def test_a_number_of_a_margin_account_only_is_named_and_trades_nothing(world: ProcessWorld) -> None:
    world.control.configure(distort={name: {"m_nAccountType": CREDIT} for name in ("XtAccountStatus", "XtAsset")})
    code, document = world.json("doctor")
    assert code != 0
    account = next(one for one in document["findings"] if one["name"] == "account")
    assert (account["state"], "of type CREDIT, not STOCK" in account["text"]) == ("failed", True)
    with Running(world) as run:
        run.wait_for("of type CREDIT, not STOCK")
        code, plan = world.json("plan")
        assert (code, plan["legs"]) == (3, [])
        assert "of type CREDIT, not STOCK" in plan["refused"]
    assert world.control.requests() == []


def test_another_account_type_in_the_settings_is_refused_in_words(world: ProcessWorld) -> None:
    world.settings["QMT__ACCOUNT_TYPE"] = "CREDIT"
    for command in ("run", "plan", "doctor"):
        done = world.rotor(command)
        assert done.returncode != 0
        assert "qmt.account_type" in done.stdout + done.stderr
        assert "rotor trades stock accounts (STOCK, 普通账户) only" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
