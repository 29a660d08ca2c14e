"""The login: first where it is needed, and the password stays nowhere."""

from textual.widgets import Input

from core.model.command import Done, Failed, LoggedIn, Login, Logout
from tests.tui.samples import blocked, snapshot
from tests.tui.screen import flat, press, settle, shown, status_text, strike, until
from tests.tui.scripted import ScriptedLink
from tui.screens.dialogs import TextDialog
from tui.screens.login import LoginScreen

SECRET = "hunter2-secret"
TYPED = ("l", "i", "tab", *[{"-": "minus"}.get(letter, letter) for letter in SECRET])


def _link() -> ScriptedLink:
    return ScriptedLink(snapshot(mode="paper", platform_user=None))


async def test_the_sandbox_skips_the_login() -> None:
    async with shown(ScriptedLink(snapshot(platform_user=None))) as (app, _):
        assert not isinstance(app.screen, LoginScreen)


async def test_the_server_s_error_text_is_shown() -> None:
    link = _link()
    link.replies[Login] = Failed("用户名或密码错误 [code 1001]")
    async with shown(link, *TYPED, "enter") as (app, pilot):
        assert "用户名或密码错误 [code 1001]" in flat(app)
        assert app.screen.query_one("#password", Input).value == ""
        assert app.focused is app.screen.query_one("#password", Input)
        await press(pilot, "enter")
        assert "Type your username and your password." in flat(app)


async def test_the_password_is_hidden_and_not_stored() -> None:
    link = _link()
    link.replies[Login] = None
    async with shown(link, *TYPED) as (app, pilot):
        assert "*" * len(SECRET) in flat(app)
        assert SECRET not in flat(app)
        await press(pilot, "tab", "space", "enter")
        assert link.acted == [Login("li", SECRET, remember=False)]
        assert "Logging in" in flat(app)
        holders = [app, *app.screen.walk_children(with_self=True), *app.workers]
        assert not [holder for holder in holders if SECRET in repr(vars(holder))]


async def test_login_is_sent_once_while_pending() -> None:
    link = _link()
    link.replies[Login] = None
    async with shown(link, *TYPED, "enter", "enter", "x", "enter") as (_, _pilot):
        assert len(link.sent_of(Login)) == 1


async def test_a_successful_login_opens_the_app() -> None:
    link = _link()
    link.replies[Login] = Done(LoggedIn("li"))
    async with shown(link, *TYPED, "enter") as (app, _):
        assert not isinstance(app.screen, LoginScreen)
        assert "Logged in as li." in status_text(app)


async def test_an_automatic_login_closes_the_login_screen() -> None:
    link = _link()
    async with shown(link) as (app, pilot):
        assert isinstance(app.screen, LoginScreen)
        link.change(platform_user="li")
        await until(pilot, lambda: not isinstance(app.screen, LoginScreen))


async def test_an_engine_that_did_not_start_asks_for_no_password() -> None:
    reason = "live mode is not part of this version"
    link = ScriptedLink(snapshot(mode="live", platform_user=None, health=(), ready=False, blockers=blocked(reason)))
    async with shown(link, "l") as (app, _):
        assert len(app.screen_stack) == 1
        assert reason in flat(app)
        assert "NOT LOGGED IN" not in flat(app)


async def test_login_can_be_postponed_and_resumed() -> None:
    async with shown(_link(), "escape") as (app, pilot):
        assert "NOT LOGGED IN to Factor Cat: press l on Home" in flat(app)
        await press(pilot, "l")
        assert isinstance(app.screen, LoginScreen)


async def test_the_name_of_the_settings_is_filled_in_and_a_burst_goes_to_the_password() -> None:
    link = ScriptedLink(snapshot(mode="paper", platform_user=None, username="trader@example.com"))
    link.replies[Login] = Done(LoggedIn("trader"))
    async with shown(link) as (app, pilot):
        assert app.focused is app.screen.query_one("#password", Input)
        strike(pilot, "h", "u", "n", "t", "enter")
        await settle(pilot)
    assert link.sent_of(Login) == [Login("trader@example.com", "hunt", remember=True)]


async def test_a_name_that_is_only_filled_in_keeps_no_needless_login_open() -> None:
    link = ScriptedLink(snapshot(mode="paper", platform_user=None, username="trader"))
    async with shown(link) as (app, pilot):
        assert isinstance(app.screen, LoginScreen)
        link.change(platform_user="trader")
        await until(pilot, lambda: not isinstance(app.screen, LoginScreen))


async def test_a_long_reason_is_shown_whole_in_a_window_of_its_own() -> None:
    link = _link()
    link.replies[Login] = Failed(f"The certificate is not valid. {'AA:' * 100} certificate_sha256 = the end")
    async with shown(link, *TYPED, "enter") as (app, pilot):
        assert isinstance(app.screen, TextDialog)
        assert "certificate_sha256 = the end" in flat(app)
        await press(pilot, "escape")
        assert isinstance(app.screen, LoginScreen)
        assert app.focused is app.screen.query_one("#password", Input)


async def test_logging_out_asks_first_and_says_what_stays() -> None:
    link = ScriptedLink(snapshot(mode="paper", platform_user="li"))
    link.replies[Logout] = Done("Logged out of Factor Cat. Stops go on.")
    async with shown(link, "L", "enter") as (app, pilot):
        assert link.sent_of(Logout) == []
        await press(pilot, "L")
        assert "stops and open orders" in flat(app)
        await press(pilot, "y")
        assert link.sent_of(Logout) == [Logout()]
        assert "Logged out of Factor Cat. Stops go on." in status_text(app)


async def test_the_sandbox_has_nothing_to_log_out_of() -> None:
    link = ScriptedLink(snapshot())
    async with shown(link, "L", "y") as (app, _):
        assert link.sent_of(Logout) == []
        assert "there is nothing to log out of" in status_text(app)


async def test_lookup_never_sees_the_password() -> None:
    assert SECRET not in repr(Login("li", SECRET, remember=True))
