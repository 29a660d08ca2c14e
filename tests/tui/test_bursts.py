"""Keys that come in one packet go where they would have gone typed slowly, and none acts on a screen that leaves."""

import gc
import random
from functools import partial
from types import SimpleNamespace

import pytest
from textual import events
from textual.widgets import Input

from core.model.command import Done, ExecutePlan, LoggedIn, Login, PauseBuys
from tests import waiting
from tests.tui.samples import plan, snapshot
from tests.tui.screen import LARGE, all_has_come, flat, press, settle, shown, strike, text, until
from tests.tui.scripted import ScriptedLink
from tui.input_queue import InputQueue
from tui.screens.dialogs import Confirm
from tui.screens.login import LoginScreen
from tui.screens.palette import Palette

SECRET = ("s", "e", "c", "r", "e", "t")


def _logged_out() -> ScriptedLink:
    link = ScriptedLink(snapshot(mode="paper", platform_user=None))
    link.replies[Login] = Done(LoggedIn("trader"))
    return link


async def test_a_password_typed_in_one_packet_never_lands_in_the_user_name() -> None:
    link = _logged_out()
    async with shown(link) as (app, pilot):
        strike(pilot, *"trader", "tab", *SECRET)
        await settle(pilot)
        assert app.screen.query_one("#username", Input).value == "trader"
        assert app.screen.query_one("#password", Input).value == "secret"
        assert "secret" not in flat(app)
        strike(pilot, "enter")
        await settle(pilot)
    assert link.sent_of(Login) == [Login("trader", "secret", remember=True)]


async def test_enter_moves_on_to_the_password_within_a_packet() -> None:
    link = _logged_out()
    async with shown(link) as (_, pilot):
        strike(pilot, *"trader", "enter", *SECRET, "enter")
        await settle(pilot)
    assert link.sent_of(Login) == [Login("trader", "secret", remember=True)]


@pytest.mark.parametrize("between", ["\t", *(pytest.param(end, marks=pytest.mark.slow) for end in ("\n", "\r\n"))])
async def test_name_and_password_pasted_in_one_piece_are_parted(between: str) -> None:
    async with shown(_logged_out()) as (app, pilot):
        app.post_message(events.Paste(f"trader{between}secret"))
        await settle(pilot)
        assert app.screen.query_one("#username", Input).value == "trader"
        assert app.screen.query_one("#password", Input).value == "secret"
        assert "secret" not in flat(app)


async def test_a_login_that_became_needless_stays_open_while_something_is_typed_in_it() -> None:
    link = _logged_out()
    async with shown(link) as (app, pilot):
        await press(pilot, "t", "r")
        link.change(platform_user="trader")
        await settle(pilot)
        await press(pilot, "y")
        assert isinstance(app.screen, LoginScreen)
        assert app.screen.query_one("#username", Input).value == "try"


async def test_an_answer_in_the_packet_reaches_its_question() -> None:
    link = ScriptedLink(snapshot(plan=plan()))
    link.replies[ExecutePlan] = None
    async with shown(link, "3") as (_, pilot):
        strike(pilot, "e", "y")
        await settle(pilot)
    assert len(link.sent_of(ExecutePlan)) == 1


async def test_a_key_behind_a_digit_acts_on_the_screen_that_the_digit_opens() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        strike(pilot, "3", "r")
        await settle(pilot)
        assert app.pane.id == "plan"
        assert len(link.acted) == 1


async def test_the_palette_and_its_choice_in_one_packet() -> None:
    async with shown(ScriptedLink(snapshot())) as (app, pilot):
        strike(pilot, "ctrl+p", "enter", "enter")
        await until(pilot, lambda: not app._input.busy)
        assert app._exception is None
        assert not isinstance(app.screen, Palette)


async def test_a_page_of_a_palette_whose_list_has_no_room_yet() -> None:
    async with shown(ScriptedLink(snapshot())) as (app, pilot):
        strike(pilot, "ctrl+p", "enter", "escape", "ctrl+p", "right", "pagedown")
        await until(pilot, lambda: not app._input.busy)
        assert app._exception is None
        assert isinstance(app.screen, Palette)


async def test_the_palette_opens_over_no_question() -> None:
    """A key of the palette would act below the question."""
    async with shown(ScriptedLink(snapshot()), "b", "ctrl+p") as (app, _):
        assert isinstance(app.screen, Confirm)


async def test_a_second_answer_finds_no_question_left() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        strike(pilot, "b", "y", "y", "y")
        await settle(pilot)
        assert len(link.sent_of(PauseBuys)) == 1
        assert len(app.screen_stack) == 1


async def test_keys_behind_the_last_one_are_dropped_as_the_app_leaves() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, pilot):
        strike(pilot, "q", "y", *"3rey?", "ctrl+p", "enter", "tab")
        await until(pilot, lambda: not app.is_running)
        assert app._exception is None
        assert app.return_code == 0


async def test_a_snapshot_that_arrives_as_the_app_leaves_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    link = ScriptedLink(snapshot())
    async with shown(link) as (app, _):
        close_screens = app._close_all

        async def and_then_a_snapshot() -> None:
            await close_screens()
            app._next_snapshot = snapshot()
            app._apply()
            app._tick()

        monkeypatch.setattr(app, "_close_all", and_then_a_snapshot)
    assert app._exception is None


KEYS = (
    *"12345678", *"abcdefhlmnoprstuvxyFRNO", *("enter", "escape", "tab", "up", "down", "space", "ctrl+p", "slash"),
    *("question_mark", "backspace", "home", "end", "left_square_bracket", "right_square_bracket"),
)  # fmt: skip


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4))])
async def test_a_burst_leads_where_the_same_keys_lead_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """`q` is left out: it ends the app, and what follows is dropped. The clock stands: on a busy machine the screen
    would say for how long the engine has been silent, and the queue would wait no longer for a reply."""
    monkeypatch.setattr("tui.input_queue._LONGEST", 60.0)
    monkeypatch.setattr("tui.input_queue._REPLY_SECONDS", 60.0)
    monkeypatch.setattr("tui.app.time", SimpleNamespace(monotonic=lambda: 1000.0))
    generator = random.Random(seed)
    keys = [generator.choice(KEYS) for _ in range(40)]
    seen = []
    for typed in (press, _in_one_packet):
        link = ScriptedLink(snapshot())
        async with shown(link, size=LARGE) as (app, pilot):
            await typed(pilot, *keys)
            await until(pilot, lambda app=app: not app._input.busy and all_has_come(app))
            await settle(pilot)
            assert app._exception is None
            seen.append((text(app), link.acted))
    assert seen[0] == seen[1], keys


async def _in_one_packet(pilot, *keys: str) -> None:  # noqa: ANN001
    strike(pilot, *keys)
    await settle(pilot)


async def test_without_the_queue_a_burst_goes_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what the other tests prove is the queue's doing."""

    def at_once(self: InputQueue, event: events.Key) -> None:
        app.call_next(self._deliver, event)

    link = _logged_out()
    async with shown(link) as (app, pilot):
        monkeypatch.setattr(InputQueue, "put", at_once)
        strike(pilot, *"trader", "tab", *SECRET)
        await settle(pilot)
        assert app.screen.query_one("#username", Input).value != "trader"


async def test_a_request_that_is_replaced_before_it_begins_is_never_called() -> None:
    """A coroutine made for it would warn that nobody awaited it."""
    called: list[str] = []

    async def request(name: str) -> None:
        called.append(name)

    async with shown(ScriptedLink(snapshot()), "4") as (app, pilot):
        for name in ("first", "second"):
            app.pane.start(partial(request, name), "read")
        await settle(pilot)
        gc.collect()
    assert called == ["second"]


async def test_a_screen_that_keeps_asking_does_not_hold_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.input_queue._LONGEST", 0.1)
    monkeypatch.setattr("tui.input_queue._REPLY_SECONDS", 60.0)
    delivered: list[events.Event] = []

    async def deliver(event: events.Event) -> None:
        delivered.append(event)

    queue = InputQueue(deliver)
    queue.start(lambda error: pytest.fail(str(error)))
    with queue.reply_pending():  # no reply comes, which is the same for the queue as one after another
        queue.put(events.Key("a", "a"))
        await waiting.until(lambda: bool(delivered))
    queue.close()
