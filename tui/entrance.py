"""What has to be asked before the platform can be: a passphrase that opens the passwords, or a name and a password."""

from typing import TYPE_CHECKING

from core.model.command import LoggedIn
from core.model.snapshot import Snapshot
from tui.screens.login import LoginScreen
from tui.screens.safe import Passphrase, offer_safe

if TYPE_CHECKING:
    from tui.app import RotorApp


class Entrance:
    def __init__(self, app: "RotorApp") -> None:
        self._app = app
        self._unlocking: Passphrase | None = None

    def look(self, snapshot: Snapshot, *, first: bool) -> None:
        """Ask at the first picture, if at all; what was asked goes once it is needed no more."""
        needed = snapshot.mode != "sandbox" and snapshot.platform_user is None
        # Connections are reported by an engine that stands: one that did not start has nobody to log in to.
        if needed and first and snapshot.health:
            if snapshot.locked:
                self._unlocking = Passphrase(self._app, fresh=False)
                self._app.push_screen(self._unlocking, self._unlocked)
            else:
                self.open_login()
        elif not needed and isinstance(self._app.screen, LoginScreen) and not self._app.screen.busy:
            self._app.screen.dismiss(None)
        elif not needed and self._unlocking is not None and self._app.screen is self._unlocking:
            self._app.screen.dismiss(True)  # a variable, or the keyring, has done without it

    def open_login(self) -> None:
        snapshot = self._app.snapshot
        if snapshot is not None and not isinstance(self._app.screen, LoginScreen):
            self._app.push_screen(LoginScreen(self._app, snapshot.mode), self._logged_in)

    def _logged_in(self, login: LoggedIn | None) -> None:
        if login is not None and login.trouble:
            work = offer_safe(self._app, login.trouble)
            self._app.run_worker(work, name="safe", description="safe", exit_on_error=False)

    def _unlocked(self, opened: bool | None) -> None:
        """With the passwords at hand the engine logs in by itself; without them the user does."""
        if not opened:
            self.open_login()
