"""How the app ends after an error of its own: with one line, and with an exit code that tells."""

import logging

from rich.console import RenderableType
from rich.text import Text

from core.i18n import mark, say
from tui.input_queue import QueuedInputApp

_log = logging.getLogger(__name__)

SCREEN_FAILED = 1
"""The exit code after an internal error of the screen."""

_CRASHED = mark("rotor's screen stopped after an internal error. The log file has the details.")


class GuardedApp(QueuedInputApp):
    """An app that prints no traceback: Textual's shows the local variables, passwords included."""

    def _handle_exception(self, error: Exception) -> None:
        """End the app; where the user has ended it already, the exit code stays."""
        code = self._return_code if self._exit else SCREEN_FAILED
        super()._handle_exception(error)
        self._return_code = code

    def _fatal_error(self) -> None:
        """Log the error without local variables, and exit with one line."""
        if not self._crashed:
            self._crashed = True
            _log.critical("the screen has stopped", exc_info=self._exception)
            if not self._exit:
                self._exit_renderables.append(Text(say(_CRASHED)))
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        self._fatal_error()
