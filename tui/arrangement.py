"""How the user arranges a screen: the columns of its table."""

from typing import TYPE_CHECKING

from textual.css.query import NoMatches

from core.i18n import say
from core.model.command import ChangeSetting, Failed
from tui.screens.columns_dialog import ColumnsDialog
from tui.widgets.columns import choices
from tui.widgets.table import LiveTable

if TYPE_CHECKING:
    from tui.app import RotorApp


class Arrangement:
    """What the keys do that arrange the screen instead of acting on it; kept in the settings."""

    def __init__(self, app: "RotorApp") -> None:
        self._app = app

    def why_not(self, action: str) -> str:
        """Why the action does nothing on the screen that is open."""
        if action == "columns" and self._table() is None:
            return say("There is no table here.")
        return ""

    def choose_columns(self) -> None:
        """Ask for the columns of the table that has the focus, and keep them."""
        table = self._table()
        if table is not None:
            self._app.pane.start(self._choose_columns(table), "columns")

    async def _choose_columns(self, table: LiveTable) -> None:
        before = choices()
        await self._app.push_screen_wait(ColumnsDialog(table))
        if choices() != before:
            await self._keep("screen.columns", _as_list(choices()))

    async def _keep(self, key: str, text: str) -> None:
        reply = await self._app.ask(ChangeSetting(key, text))
        if isinstance(reply, Failed):
            self._app.show_message(say("Kept until you quit only: {reason}", reason=reply.text), failed=True)

    def _table(self) -> LiveTable | None:
        """The table with the focus, else the first one of the screen."""
        if isinstance(self._app.focused, LiveTable):
            return self._app.focused
        try:
            return next((table for table in self._app.pane.query(LiveTable) if table.size), None)
        except NoMatches:
            return None


def _as_list(texts: tuple[str, ...]) -> str:
    """As the settings file writes them; the names of columns hold no quotation marks."""
    return "[" + ", ".join(f'"{text}"' for text in texts) + "]"
