"""How the app looks: language, colours, columns, characters, as the settings say or as the palette previews it."""

from collections.abc import Callable

from rich.color import ColorSystem
from textual.app import App

from core.i18n import language, use_language
from core.model.settings import ScreenSettings
from core.model.snapshot import Snapshot
from tui.widgets.chart import LineChart
from tui.widgets.chart_marks import use_marks
from tui.widgets.columns import use_choices
from tui.widgets.theme import THEMES, use_theme


class Appearance:
    """Applies the settings of the screen when they change."""

    def __init__(self, app: App[None], redraw: Callable[[], None], use_details: Callable[[int], None]) -> None:
        """`redraw` draws everything anew; `use_details` shows the details of a row so many cells wide."""
        self._app = app
        self._redraw = redraw
        self._use_details = use_details
        self._snapshot: Snapshot | None = None
        self._colors = app.console._color_system  # pyright: ignore[reportPrivateUsage]
        self._previewed: str | None = None
        for each in THEMES.values():
            app.register_theme(each.theme)
        self._shown = language(), ScreenSettings()
        self._use_colors_and_marks(self._shown[1])

    def apply(self, snapshot: Snapshot) -> None:
        """Use the chosen language, colours, columns and characters of charts; redraw everything when they change."""
        self._snapshot = snapshot
        look = snapshot.look.model_copy(update={"theme": self._previewed or snapshot.look.theme})
        if (snapshot.language, look) == self._shown:
            return
        self._shown = snapshot.language, look
        use_language(snapshot.language)
        use_choices(look.columns)
        self._use_details(look.details)
        self._use_colors_and_marks(look)
        self._redraw()
        for screen in self._app.screen_stack:  # those in dialogs too
            for chart in screen.query(LineChart):
                chart.refresh()

    def preview(self, theme: str | None) -> None:
        """Look like this until None gives back what the settings say."""
        self._previewed = theme
        if self._snapshot is not None:
            self.apply(self._snapshot)

    def _use_colors_and_marks(self, look: ScreenSettings) -> None:
        use_marks(look.chart_marks)
        chosen = use_theme(look.theme, look.up)
        # A theme of the 256 colours takes half the bytes of true colour and looks the same: that counts over ssh.
        fewer = chosen.only_256 and self._colors is ColorSystem.TRUECOLOR
        self._app.console._color_system = (  # pyright: ignore[reportPrivateUsage]
            ColorSystem.EIGHT_BIT if fewer else self._colors
        )
        self._app.theme = chosen.theme.name
