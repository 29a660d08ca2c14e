"""The app: it shows the engine's snapshots on its screens and sends commands back."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from operator import attrgetter
from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.driver import Driver
from textual.message import Message
from textual.scrollbar import ScrollBar
from textual.timer import Timer
from textual.widgets import ContentSwitcher
from textual.worker import Worker, WorkerState

from core.engine.ipc.link import EngineLink
from core.i18n import say
from core.model.command import Command, Failed, Reply
from core.model.snapshot import Snapshot
from tui.actions import Action, actions_of, bindings_of, pane_bindings
from tui.appearance import Appearance
from tui.arrangement import Arrangement, MainScreen
from tui.driver import driver_for
from tui.guarded_app import SCREEN_FAILED, GuardedApp
from tui.palette_entries import PaletteController
from tui.screens.dialogs import Confirm, Dialog, quit_question
from tui.screens.help import HelpDialog
from tui.screens.home import HomePane
from tui.screens.log import LogPane
from tui.screens.login import LoginController
from tui.screens.orders import OrdersPane
from tui.screens.pane import Pane
from tui.screens.plan import PlanPane
from tui.screens.positions import PositionsPane
from tui.screens.report import ReportPane
from tui.screens.settings import SettingsPane
from tui.screens.strategies import StrategiesPane
from tui.terminal import LOST_TERMINAL, Bell, ShutdownHandler, enlarge_thread_pool, silence_output
from tui.widgets.alerts import AlertBar
from tui.widgets.bars import KeyBar, StatusBar, TabBar, TopBar
from tui.widgets.panel import Split
from tui.widgets.theme import PlainScrollBar


class SnapshotArrived(Message, bubble=False):
    """A new snapshot of the engine. It replaces one still in the queue, so a slow screen gets the newest."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, SnapshotArrived)


T = TypeVar("T")
_log = logging.getLogger(__name__)

_TICK_SECONDS = 1.0
_MIN_APPLY_SECONDS = 0.25
_STALE_SECONDS = 5.0


class RotorApp(GuardedApp):
    """The terminal app of an engine, which may run in this process or in another one.

    A `viewer` may quit at any time, because the engine runs on. With `watch` it can only look. `notice` is the first
    message. `on_close` is called once, on the main thread, after the app left the engine; it must not block.
    """

    TITLE = "rotor"
    CSS_PATH = ["styles/frame.tcss", "styles/panes.tcss", "styles/boxes.tcss"]  # noqa: RUF012
    AUTO_FOCUS = None
    ALLOW_SELECT = False
    ENABLE_COMMAND_PALETTE = False  # the stock key opens it over a question, whose keys would then act below it
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_of("app"), *pane_bindings()]

    def __init__(
        self,
        link: EngineLink,
        *,
        on_close: Callable[[], None] | None = None,
        viewer: bool = False,
        watch: bool = False,
        notice: str = "",
    ) -> None:
        self.arrangement = Arrangement(self, lambda: self.pane)
        super().__init__()
        self._viewer = viewer
        self._notice = notice
        self.link = link
        self._on_close = on_close
        self._unsubscribe: Callable[[], None] | None = None
        self._snapshot: Snapshot | None = None
        self._next_snapshot: Snapshot | None = None
        self._received_at = time.monotonic()
        self._applied_at = 0.0
        self._apply_timer: Timer | None = None
        self._asking_to_quit = False
        self._login = LoginController(self)
        self._palette = PaletteController(self)
        self._bell = Bell(self)
        self._shutdown_handler = ShutdownHandler(self, lambda code: self.exit(return_code=code))
        self._top, self._tabs, self._alerts = TopBar(watch=watch), TabBar(), AlertBar()
        self._status_bar, self._keys = StatusBar(), KeyBar()
        self._home, self._plan = HomePane(), PlanPane()
        self._panes: dict[str, Pane] = {
            "home": self._home,
            "strategies": StrategiesPane(),
            "plan": self._plan,
            "positions": PositionsPane(),
            "orders": OrdersPane(),
            "log": LogPane(),
            "settings": SettingsPane(),
            "report": ReportPane(),
        }
        self._current = "home"
        self._opening = asyncio.Lock()
        self.animation_level = "none"
        self.appearance = Appearance(self, self._redraw, self.arrangement.use_details)
        ScrollBar.renderer = PlainScrollBar

    @property
    def snapshot(self) -> Snapshot | None:
        """The snapshot on the screen."""
        return self._snapshot

    @property
    def stale(self) -> bool:
        """Whether the engine has sent no snapshot for too long."""
        return self._silent_seconds() is not None

    @property
    def pane(self) -> Pane:
        return self._panes[self._current]

    def get_default_screen(self) -> MainScreen:
        return MainScreen(self.size)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return {"details": str(self.arrangement.details)}

    def get_driver_class(self) -> type[Driver]:
        return driver_for(super().get_driver_class())

    def compose(self) -> ComposeResult:
        yield self._top
        yield self._tabs
        yield self._alerts
        with ContentSwitcher(initial=self._current, id="body"):
            yield self.pane
        yield self._status_bar
        yield self._keys

    async def on_mount(self) -> None:
        enlarge_thread_pool()
        self.start_input()
        self._shutdown_handler.install()
        self._unsubscribe = self.link.subscribe(self._on_engine_snapshot)
        self._next_snapshot = self.link.latest
        self.set_interval(_TICK_SECONDS, self._tick)
        await self.action_goto(self._current)
        self._apply()

    def on_unmount(self) -> None:
        self.close()

    def close(self) -> None:
        """Leave the engine and restore the signal handlers. Does nothing the second time."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
        self._input.close()
        self._shutdown_handler.remove()
        self._bell.restore_title()
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()

    # -- from the engine -------------------------------------------------------------------------------------------

    def _on_engine_snapshot(self, snapshot: Snapshot) -> None:
        # Runs on the engine's thread; the app's loop may be closed already.
        with contextlib.suppress(RuntimeError):
            self.post_message(SnapshotArrived(snapshot))

    def on_snapshot_arrived(self, message: SnapshotArrived) -> None:
        newest = self._next_snapshot or self._snapshot
        if newest is not None and message.snapshot.number < newest.number:
            return
        self._received_at = time.monotonic()
        self._next_snapshot = message.snapshot
        if self._snapshot is not None and _changes(self._snapshot) == _changes(message.snapshot):
            return
        wait = self._applied_at + _MIN_APPLY_SECONDS - time.monotonic()
        if wait <= 0:
            self._apply()
        elif self._apply_timer is None:
            self._apply_timer = self.set_timer(wait, self._apply)

    def _tick(self) -> None:
        if self._leaving:
            return
        if self._next_snapshot is not None:
            self._apply()
        else:
            self._show_alerts()
            self.refresh_keys()
        self._status_bar.tick()
        self.pane.tick()
        for screen in self.screen_stack:
            if isinstance(screen, Dialog) and self._snapshot is not None:
                screen.tick(self._snapshot)

    def _apply(self) -> None:
        """Show the newest snapshot."""
        if self._leaving:
            return
        if self._apply_timer is not None:
            self._apply_timer.stop()
            self._apply_timer = None
        first = self._snapshot is None
        self._snapshot, self._next_snapshot = self._next_snapshot or self._snapshot, None
        self._applied_at = time.monotonic()
        if self._snapshot is not None:
            self.appearance.apply(self._snapshot)
            self._bell.check(self._snapshot)
        self._top.show(self._snapshot)
        self._tabs.show(self._current, self._snapshot)
        self._show_alerts()
        if self._notice and self._snapshot is not None:
            self.show_message(self._notice)
            self._notice = ""
        if self._snapshot is not None:
            self.pane.show(self._snapshot)
            self._login.update(self._snapshot, first=first)
        self.refresh_keys()

    def _show_alerts(self) -> None:
        self._alerts.show(self._snapshot, self._silent_seconds(), self.link.trouble, listed=self.pane.lists_troubles)

    def _redraw(self) -> None:
        for pane in self._panes.values():
            if pane.is_mounted:
                pane.refresh_all()

    def _silent_seconds(self) -> float | None:
        silence = time.monotonic() - self._received_at
        return silence if silence > _STALE_SECONDS else None

    # -- to the engine ---------------------------------------------------------------------------------------------

    async def ask(self, command: Command[T]) -> Reply[T]:
        """Send a command and wait for its reply; always a reply."""
        try:
            # Shielded: a screen that stops waiting must not cancel a command that the engine has started.
            with self._input.reply_pending():
                return await asyncio.shield(asyncio.wrap_future(self.link.send(command)))
        except Exception:
            _log.exception("a command was not answered: %s", type(command).__name__)
            return Failed(say("the engine did not answer; see the log file"))

    # -- what panes use --------------------------------------------------------------------------------------------

    def show_message(self, text: str, *, failed: bool = False) -> None:
        self._status_bar.show_message(text, failed=failed)

    def open_login(self) -> None:
        self._login.open_login()

    def make_plan(self) -> None:
        self.call_next(self._make_plan)

    async def _make_plan(self) -> None:
        await self.action_goto("plan")
        self._plan.action_run("make")

    def refresh_keys(self) -> None:
        self.arrangement.check()
        self._keys.show(actions_of(self._current) + actions_of("app"), self._why_not)

    def _why_not(self, action: Action) -> str:
        return self.arrangement.why_not(action.name) if action.pane == "app" else self.pane.why_not(action.name)

    # -- actions ---------------------------------------------------------------------------------------------------

    async def action_goto(self, pane: str) -> None:
        body = self.query_one("#body", ContentSwitcher)
        async with self._opening:
            if not self._panes[pane].is_mounted:  # none before it is opened: the app starts in half the time
                await body.add_content(self._panes[pane])
        self.arrangement.leave(self._current)
        self._current = body.current = pane
        self._tabs.show(pane, self._snapshot)
        self._show_alerts()
        if self._snapshot is not None:
            self.pane.show(self._snapshot)
        self.pane.focus_target().focus(scroll_visible=False)
        self.arrangement.enter(pane)
        self.pane.activated()
        self.refresh_keys()

    async def on_tab_bar_pane_picked(self, message: TabBar.PanePicked) -> None:
        await self.action_goto(message.pane)

    def on_split_moved(self, message: Split.Moved) -> None:
        self.arrangement.details_moved(message.cells)

    async def on_key_bar_action_picked(self, message: KeyBar.ActionPicked) -> None:
        await self.run_action_of(message.action)

    def action_run(self, action: str) -> None:
        """Run an action that belongs to no pane."""
        if reason := self.arrangement.why_not(action):
            self.show_message(reason)
            return
        {
            "columns": self.arrangement.choose_columns,
            "maximize": self.arrangement.maximize,
            "divider_left": lambda: self.arrangement.move_divider(-1),
            "divider_right": lambda: self.arrangement.move_divider(1),
            "help": lambda: self.push_screen(HelpDialog(self._current)),
            "palette": self._palette.open,
            "quit": self._ask_to_quit,
            "copy": self._copy,
        }[action]()

    async def action_quit(self) -> None:
        self._ask_to_quit()

    def action_help_quit(self) -> None:
        self.show_message(say("ctrl+c does nothing here. Press q to quit."))

    async def run_action_of(self, action: Action) -> None:
        """Run the action on its own screen."""
        if action.pane not in ("app", self._current):
            await self.action_goto(action.pane)
        (self if action.pane == "app" else self.pane).action_run(action.name)

    def _copy(self) -> None:
        """Through the terminal (OSC 52), so that it reaches the user's own machine over ssh too."""
        text = self.pane.copy_text()
        if not text:
            # y also means yes: pressed once too often, it must not replace the message on the screen.
            if not self._status_bar.shown:
                self.show_message(say("No row to copy here."))
            return
        self.copy_to_clipboard(text)
        self.show_message(say("Copied: {text}", text=text))

    def _ask_to_quit(self) -> None:
        def make(snapshot: Snapshot | None) -> Confirm | None:
            pending = self._plan.request_pending or self._home.request_pending
            return quit_question(snapshot, request_pending=pending)

        question = make(self._snapshot)
        if question is None or self._viewer:
            self.exit()
        elif not self._asking_to_quit:
            self._asking_to_quit = True
            question.remake = lambda snapshot: make(snapshot) or question
            self.push_screen(question, self._quit_answered)

    def _quit_answered(self, yes: bool | None) -> None:
        self._asking_to_quit = False
        if yes:
            self.exit()

    # -- staying safe ----------------------------------------------------------------------------------------------

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        if event.state is WorkerState.ERROR:
            _log.error("%s failed", event.worker.name, exc_info=event.worker.error)
            self.show_message(say("Something went wrong here; the log file has the details."), failed=True)


_changes = attrgetter(
    *("rebalance", "plan", "orders", "events", "blockers", "ready", "platform_user", "controls", "missed", "notices"),
    *("dangers", "language", "look"),
)
"""The fields whose change is shown before the next tick; prices wait for it."""


def run(link: EngineLink, *, viewer: bool = False, watch: bool = False) -> int:
    """Run the app and return the exit code of the process."""
    notice = say("Closing this window stops trading. Use `rotor start` to run in the background.")
    app = RotorApp(link, viewer=viewer, watch=watch, notice="" if viewer else notice)
    try:
        latest = link.latest
        app.run(mouse=latest is None or latest.look.mouse)
    except Exception:
        _log.critical("the screen has stopped", exc_info=True)
        return SCREEN_FAILED
    finally:
        app.close()
        if app.return_code == LOST_TERMINAL:
            silence_output()
    return app.return_code or 0
