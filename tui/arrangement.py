"""How the user arranges a screen: the columns of its table, one panel alone, the width of the details."""

from collections.abc import Callable
from functools import partial

from textual.app import App
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.widget import Widget

from core.i18n import say
from core.model.command import ChangeSetting, Failed
from core.model.settings import LEAST_DETAILS, MOST_DETAILS, ScreenSettings
from tui.screens.columns_dialog import ColumnsDialog
from tui.screens.pane import BESIDE, Pane
from tui.widgets.bars import FULL_SIZE, LOW
from tui.widgets.columns import choices
from tui.widgets.panel import Split, Titled
from tui.widgets.steady import StyledAsMounted
from tui.widgets.table import LiveTable

_WIDE = 120
"""Cells from which on Home has two columns."""
_STEP = 4
"""Cells by which a key moves the divider between a table and its details."""
_PAUSE = 1.0
"""Seconds without another step after which the width is written to the settings."""


class MainScreen(StyledAsMounted, Screen[None]):
    """The screen below all dialogs. One of its panels may have all the room; the bars stay."""

    ALLOW_IN_MAXIMIZED_VIEW = "#top-bar, #tab-bar, #alert-bar, #status-bar, #key-bar"

    def __init__(self, size: Size) -> None:
        """`size`: of the terminal, so that the screen need not be styled and laid out twice."""
        super().__init__(id="_default", classes=" ".join(name for name, fits in _classes(size).items() if fits))

    def on_resize(self, event: Resize) -> None:
        self.update_classes(_classes(event.size), animate=False)

    def minimize(self) -> None:
        if isinstance(self.maximized, Titled):
            self.maximized.show_alone(False)
        self.maximized = None

    def maximize_panel(self, panel: Titled) -> None:
        """Show this panel alone, with the focus in it."""
        self.maximized = panel
        panel.show_alone(True)
        if self.focused is None or panel not in self.focused.ancestors_with_self:
            inside = (widget for widget in panel.walk_children(Widget, with_self=True) if widget.focusable)
            self.set_focus(next(inside, None))


def _classes(size: Size) -> dict[str, bool]:
    """What the style sheets distinguish of a terminal's size."""
    width, height = size
    return {
        "-narrow": width < _WIDE,
        "-wide": _WIDE <= width < BESIDE,
        "-beside": width >= BESIDE,
        "-small": width < FULL_SIZE.width or height < FULL_SIZE.height,
        "-low": height < LOW,
    }


class Arrangement:
    """What keys and mouse do that arrange the screen instead of acting on it; columns and width are kept in the
    settings."""

    def __init__(self, app: App[None], pane: Callable[[], Pane]) -> None:
        """`pane` returns the screen that is open."""
        self._app = app
        self._pane = pane
        self._alone: dict[str, Titled] = {}
        self._timer: Timer | None = None
        self.details = ScreenSettings().details

    def why_not(self, action: str) -> str:
        """Why the action does nothing on the screen that is open."""
        if action == "columns" and self._table() is None:
            return say("There is no table here.")
        if action == "maximize" and self._screen.maximized is None and self._panel() is None:
            return say("There is no panel here.")
        if action in ("divider_left", "divider_right") and not self._divided:
            return say("The details are not beside the table: that needs {width} columns.", width=BESIDE)
        return ""

    # -- columns ---------------------------------------------------------------------------------------------------

    def choose_columns(self) -> None:
        """Ask for the columns of the table that has the focus, and keep them."""
        table = self._table()
        if table is not None:
            self._pane().start(partial(self._choose_columns, table), "columns")

    async def _choose_columns(self, table: LiveTable) -> None:
        before = choices()
        await self._app.push_screen_wait(ColumnsDialog(table))
        if choices() != before:
            await self._keep("screen.columns", _as_list(choices()))

    def _table(self) -> LiveTable | None:
        """The table with the focus, else the first one of the screen."""
        if isinstance(self._app.focused, LiveTable):
            return self._app.focused
        return next((table for table in self._pane().query(LiveTable) if table.size), None)

    # -- one panel alone -------------------------------------------------------------------------------------------

    def maximize(self) -> None:
        """Show the panel with the focus alone, or all of them again."""
        panel = self._panel()
        if self._screen.maximized is not None:
            self._screen.minimize()
        elif panel is not None:
            self._screen.maximize_panel(panel)

    def leave(self, pane: str) -> None:
        """Another screen opens: keep which panel is alone on this one."""
        alone = self._screen.maximized
        if isinstance(alone, Titled):
            self._alone[pane] = alone
            self._screen.minimize()
        else:
            self._alone.pop(pane, None)

    def enter(self, pane: str) -> None:
        if pane in self._alone:
            self._screen.maximize_panel(self._alone[pane])
        self.check()

    def check(self) -> None:
        """A panel that has nothing to show any more must not hide the others."""
        if self._screen.maximized is not None and not self._screen.maximized.display:
            self._screen.minimize()

    @property
    def _screen(self) -> MainScreen:
        screen = self._app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    def _panel(self) -> Titled | None:
        """The panel with the focus, else the first one of the screen."""
        focused = self._screen.focused
        around = focused.ancestors_with_self if focused is not None else ()
        own = next((widget for widget in around if isinstance(widget, Titled)), None)
        return own or next((panel for panel in self._pane().query(Titled) if panel.display and panel.size), None)

    # -- the details beside the table ------------------------------------------------------------------------------

    def use_details(self, cells: int) -> None:
        """Show the details so wide from now on."""
        if cells != self.details:
            self.details = cells
            self._app.refresh_css(animate=False)

    def move_divider(self, step: int) -> None:
        """To the left (-1) the details get wider."""
        self.widen_details(self.details - step * _STEP)

    def widen_details(self, cells: int) -> None:
        """Show them so wide, within the bounds, and write it to the settings when it stays so."""
        cells = min(MOST_DETAILS, max(LEAST_DETAILS, cells))
        if cells == self.details:
            return
        self.use_details(cells)
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_timer(_PAUSE, self._keep_details)

    def details_moved(self, cells: int) -> None:
        """The mouse has moved the divider on one screen: the details are so wide on all of them."""
        self.widen_details(cells)
        for split in self._screen.query(Split):
            split.use_style_sheet()

    @property
    def _divided(self) -> bool:
        return self._app.size.width >= BESIDE and bool(self._pane().query(Split))

    def _keep_details(self) -> None:
        self._timer = None
        self._pane().start(partial(self._keep, "screen.details", str(self.details)), "details")

    async def _keep(self, key: str, text: str) -> None:
        reply = await self._pane().host.ask(ChangeSetting(key, text))
        if isinstance(reply, Failed):
            self._pane().host.show_message(say("Kept until you quit only: {reason}", reason=reply.text), failed=True)


def _as_list(texts: tuple[str, ...]) -> str:
    """As the settings file writes them; the names of columns hold no quotation marks."""
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"
