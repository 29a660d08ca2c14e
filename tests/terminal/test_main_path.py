"""A trader's whole way in a real terminal and over the SDK: log in, choose, preview, execute, settle, a stop, quit."""

from pathlib import Path

import pytest

from tests.live.factorcat import PASSWORD, USER
from tests.live.running import ledger, until
from tests.live.world import ACCOUNT, ProcessWorld, bonds
from tests.terminal.pty_app import PtyApp

LISTED = bonds(4)
LOST, FALLEN = LISTED[0], LISTED[2]


@pytest.mark.slow
def test_from_the_login_to_a_sale_by_a_stop(tmp_path: Path) -> None:
    """The order without an answer is settled before the stop: a connection that stalls on a busy machine is reconciled
    when it is back, and as long as an order is unresolved that turns trading off, with the stops."""
    with ProcessWorld(tmp_path) as world:
        world.furnish(LISTED)
        world.platform.listed = LISTED
        for name in ("FACTORCAT__USERNAME", "FACTORCAT__PASSWORD", "STRATEGY__STRATEGY_ID", "STRATEGY__HISTORY_ID"):
            del world.settings[name]
        world.settings |= {"STOPS__STOP_LOSS": "0.05", "SCHEDULE__FREQUENCY": "off", "GUARDS__SELF_TEST": "waived"}
        _, *program = world.command()
        with PtyApp([], 160, 45, program=program, environment=world.environment()) as app:
            _log_in(app)
            _choose(app)
            _execute(app, world)
            assert ledger(world) == dict.fromkeys(LISTED[1:], 90)
            _settle(app)
            _stop_fires(app, world)
            app.quit()
            assert app.exit_code() == 0
        assert PASSWORD.encode() not in app.raw
        assert world.held() == dict.fromkeys((LISTED[1], LISTED[3]), 90)
        sides = [(request["code"], request["side"]) for request in world.control.requests()]
        assert sides == [*((code, 23) for code in LISTED), (FALLEN, 24)]


def _log_in(app: PtyApp) -> None:
    app.wait_for("Password")
    app.press(f"{USER}\t")
    app.press(f"{PASSWORD}\r")
    app.wait_for("The keyring cannot store the password")  # there is none on this machine
    app.press("1")
    app.wait_for("logged in to Factor Cat as " + USER)


def _choose(app: PtyApp) -> None:
    app.press("2")
    app.wait_for(r"1 strateg")
    app.press("\r")
    app.wait_for("1 record")
    app.press("u")
    app.wait_for(r"\by\b.*(Follow|Yes)|(Follow|Yes).*\by\b")
    app.press("y")
    app.press("1")
    app.wait_for("trading enabled")


def _execute(app: PtyApp, world: ProcessWorld) -> None:
    world.control.next_order("no_response", code=LOST)
    app.press("3")
    app.press("r")
    app.wait_for("4 bonds")
    app.press("e")
    app.wait_for("Type 'I agree' to agree")
    app.press("I agree\r")
    app.wait_for(ACCOUNT + r"(.|\n)*\by\b")
    app.press("y")
    app.wait_for("unresolved")


def _settle(app: PtyApp) -> None:
    app.press("5")
    app.wait_for("unknown")
    app.press("/")
    app.wait_for("code, name, state")
    app.press("unknown\r")
    app.wait_for(f">.*{LOST}")
    app.press("s")
    app.wait_for("What happened to this order")
    app.press("d")
    app.wait_for("refused|over, 0")


def _stop_fires(app: PtyApp, world: ProcessWorld) -> None:
    app.press("4")
    app.wait_for(r"Armed +3/3")
    world.control.set_quote(FALLEN, 94.0, depth=100_000, volume_add=10)
    app.press("1")
    app.wait_for("stop-loss")
    until(lambda: FALLEN not in ledger(world), lambda: app.text)
