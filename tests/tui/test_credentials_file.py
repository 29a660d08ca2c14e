"""Where a password goes that the keyring cannot keep; the check-up; a newer version: each where it is looked for."""

from dataclasses import replace

from textual.widgets import Input

from core.model.command import Done, Examine, Failed, LoggedIn, Login, OpenSafe, ReadSettings, StoreSecret
from core.model.finding import CheckResult, Finding
from core.model.settings_rows import SecretStored
from core.model.snapshot import NewRelease
from tests.tui.samples import preferences, snapshot
from tests.tui.screen import LARGE, flat, press, shown, status_text, until
from tests.tui.scripted import ScriptedLink
from tui.screens.login import LoginScreen, PassphraseDialog
from tui.screens.settings_dialogs import terminal_finding
from tui.widgets.text import TextBlock

PASSPHRASE = "correct horse"
TYPED = tuple("space" if letter == " " else letter for letter in PASSPHRASE)
TROUBLE = "The keyring cannot store the password: this machine has none that can be used here."


def _link(**changes: object) -> ScriptedLink:
    link = ScriptedLink(snapshot(mode="paper", platform_user=None, **changes))
    link.replies |= {Login: Done(LoggedIn("li", TROUBLE)), OpenSafe: Done("The encrypted file of passwords is open.")}
    return link


async def test_a_credentials_file_is_offered_after_a_login_that_cannot_be_stored() -> None:
    link = _link()
    async with shown(link, "l", "i", "tab", "p", "w", "enter") as (app, pilot):
        await until(pilot, lambda: "The keyring cannot store the password" in flat(app))
        await press(pilot, "2", *TYPED, "enter")
        assert "correct horse" not in flat(app)
        await press(pilot, *TYPED, "enter")
        await until(pilot, lambda: link.sent_of(OpenSafe) == [OpenSafe(PASSPHRASE)])
        await until(pilot, lambda: not isinstance(app.screen, PassphraseDialog))
        assert "is open" in status_text(app)
        holders = [app, *app.screen.walk_children(with_self=True), *app.workers]
        assert not [holder for holder in holders if PASSPHRASE in repr(vars(holder))]


async def test_a_snapshot_received_before_the_response_does_not_hide_it() -> None:
    link = _link()
    link.replies[Login] = None
    async with shown(link, "l", "i", "tab", "p", "w", "enter") as (app, pilot):
        link.change(platform_user="li")
        await pilot.pause(0.5)
        assert isinstance(app.screen, LoginScreen)
        ((_, answer),) = link.open
        answer.set_result(Done(LoggedIn("li", TROUBLE)))
        await until(pilot, lambda: "The keyring cannot store the password" in flat(app))


async def test_this_session_only_asks_nothing_more() -> None:
    link = _link()
    async with shown(link, "l", "i", "tab", "p", "w", "enter") as (app, pilot):
        await until(pilot, lambda: "The keyring cannot store the password" in flat(app))
        await press(pilot, "1")
        assert link.sent_of(OpenSafe) == []
        assert not isinstance(app.screen, PassphraseDialog)


async def test_different_passphrases_are_typed_again() -> None:
    link = _link()
    async with shown(link, "l", "i", "tab", "p", "w", "enter") as (app, pilot):
        await until(pilot, lambda: "The keyring cannot store the password" in flat(app))
        await press(pilot, "2", *TYPED, "enter", "x", "enter")
        assert "The two passphrases differ" in flat(app)
        assert link.sent_of(OpenSafe) == []


async def test_a_locked_file_is_unlocked_before_the_login() -> None:
    link = _link(locked=True)
    async with shown(link) as (app, pilot):
        assert isinstance(app.screen, PassphraseDialog)
        link.replies[OpenSafe] = Failed("That is not the passphrase of secrets.json: nothing was opened.")
        await press(pilot, *"wrong", "enter")
        await until(pilot, lambda: "That is not the passphrase" in flat(app))
        assert app.screen.query_one("#passphrase", Input).value == ""
        link.replies[OpenSafe] = Done("The encrypted file of passwords is open.")
        await press(pilot, *TYPED, "enter")
        await until(pilot, lambda: not isinstance(app.screen, PassphraseDialog))
        assert not isinstance(app.screen, LoginScreen)  # the engine logs in by itself


async def test_a_login_without_the_file_closes_the_question() -> None:
    link = _link(locked=True)
    async with shown(link) as (app, pilot):
        assert isinstance(app.screen, PassphraseDialog)
        link.change(platform_user="li")
        await until(pilot, lambda: not isinstance(app.screen, PassphraseDialog))


async def test_with_the_file_left_locked_the_user_logs_in_manually() -> None:
    async with shown(_link(locked=True), "escape") as (app, _):
        assert isinstance(app.screen, LoginScreen)


async def test_a_password_set_in_settings_offers_the_file_too() -> None:
    link = ScriptedLink(snapshot())
    link.replies |= {
        StoreSecret: Done(SecretStored("Stored until this program ends.", TROUBLE)),
        OpenSafe: Done("The encrypted file of passwords is open."),
    }
    async with shown(link, "8") as (app, pilot):
        while str(app.query_one("#settings-table").cursor_key) != "secret-factorcat":  # type: ignore[attr-defined]
            await press(pilot, "down")
        await press(pilot, "enter", *"hush", "enter")
        await until(pilot, lambda: "The keyring cannot store the password" in flat(app))
        await press(pilot, "2", *TYPED, "enter", *TYPED, "enter")
        await until(pilot, lambda: link.sent_of(OpenSafe) == [OpenSafe(PASSPHRASE)])


async def test_a_locked_file_is_unlocked_before_a_password_is_stored() -> None:
    link = ScriptedLink(snapshot(locked=True))
    link.replies |= {
        ReadSettings: lambda _: Done(replace(preferences(), locked=True)),
        OpenSafe: Done("The encrypted file of passwords is open."),
        StoreSecret: Done(SecretStored("It is in the encrypted file.")),
    }
    async with shown(link, "8") as (app, pilot):
        while str(app.query_one("#settings-table").cursor_key) != "secret-factorcat":  # type: ignore[attr-defined]
            await press(pilot, "down")
        await press(pilot, "enter")
        assert isinstance(app.screen, PassphraseDialog)
        await press(pilot, *TYPED, "enter")
        await until(pilot, lambda: not isinstance(app.screen, PassphraseDialog))
        await press(pilot, *"hush", "enter")
        await until(pilot, lambda: [sent.secret for sent in link.sent_of(StoreSecret)] == ["hush"])


FOUND = (
    Finding("python", CheckResult.OK, "Python 3.11.7, 64 bit, on Windows 11"),
    Finding(
        "terminal", CheckResult.FAILED, "connect() answered -1", "Start MiniQMT in its simple mode and log in there."
    ),
    Finding("mail", CheckResult.NOTE, "no mail server is set: no mail is sent"),
)


async def test_the_check_up_names_faults_with_their_remedies() -> None:
    link = ScriptedLink(snapshot())
    link.replies[Examine] = Done(FOUND)
    async with shown(link, "8", "k", size=LARGE) as (app, pilot):
        await until(pilot, lambda: "need attention" in flat(app))
        told = " ".join(" ".join(block.text for block in app.screen.query(TextBlock)).split())
        for item in ("1 of 4 need attention.", "FAILED connect() answered -1 > Start MiniQMT in its simple mode"):
            assert item in told, item
        assert "160 x 45" in told


async def test_a_failed_check_up_shows_a_sentence() -> None:
    link = ScriptedLink(snapshot())
    link.replies[Examine] = Failed("the engine has ended")
    async with shown(link, "8", "k") as (app, pilot):
        await until(pilot, lambda: "could not be made: the engine has ended" in status_text(app))


def test_the_check_up_judges_the_terminal() -> None:
    assert terminal_finding(160, 45, "truecolor", "utf-8").state is CheckResult.OK
    assert terminal_finding(79, 24, "256", "utf-8").state is CheckResult.WARNING
    assert "Chinese names cannot be displayed" in terminal_finding(160, 45, "256", "cp936").text
    assert terminal_finding(160, 45, "none", "UTF-8").state is CheckResult.NOTE


async def test_a_newer_version_is_on_home_and_a_key_shows_its_notes() -> None:
    release = NewRelease("1.2.0", "What is new:\n[not markup]", "https://news.example", "2026-12-01")
    async with shown(ScriptedLink(snapshot(release=release)), size=LARGE) as (app, pilot):
        assert "version 1.2.0 is available: v shows what is new" in flat(app)
        await press(pilot, "v")
        assert "rotor 1.2.0" in flat(app)
        assert "[not markup]" in flat(app)
        assert "2026-12-01 https://news.example" in flat(app)


async def test_without_a_newer_version_the_key_says_so() -> None:
    async with shown(ScriptedLink(snapshot()), "v") as (app, _):
        assert "No newer version is known." in status_text(app)
