"""Boxes in which a setting or a password is typed."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.timer import Timer
from textual.widgets import Input, Static

from core.i18n import mark, say
from core.model.command import CheckSetting, Done, Examine
from core.model.finding import CheckResult, Finding
from core.model.setting_names import NAMES
from core.model.settings_rows import SettingRow
from tui import format as fmt
from tui.screens.dialogs import Dialog, TextDialog
from tui.screens.login import PasswordInput
from tui.screens.pane import PaneHost
from tui.widgets.text import TextBlock, facts, key_hints
from tui.widgets.theme import STYLES, Tone, styled

_PAUSE = 0.2


def name_of(key: str) -> str:
    """What a person calls the setting."""
    return say(NAMES[key].name) if key in NAMES else key


def unit_of(key: str) -> str:
    return say(NAMES[key].unit) if key in NAMES else ""


class SettingEdit(Dialog[str | None]):
    """A value, checked while it is typed with what checks the file; answers with it, or None."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, host: PaneHost, setting: SettingRow) -> None:
        super().__init__()
        self._host, self._setting = host, setting
        # What may hold a secret is not shown: it is typed anew.
        text = "" if setting.hidden else setting.value
        self._input = Input(text, max_length=400, compact=True, select_on_focus=False)
        self._problem = TextBlock(id="setting-problem")
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        setting = self._setting
        with Vertical(classes="dialog") as box:
            box.border_title = name_of(setting.key)
            yield Static(styled(say(setting.about)), markup=False)
            empty = say("(empty)")
            rows = [
                (say("Now"), setting.value or empty, Tone.TEXT),
                (say("Default"), setting.default or empty, Tone.TEXT),
            ]
            if setting.bounds:
                rows.append((say("Allowed"), f"{setting.bounds} {unit_of(setting.key)}".rstrip(), Tone.TEXT))
            rows.append((say("Key"), setting.key, Tone.DIM))
            yield Static(facts(rows, 10), markup=False, classes="dialog-facts")
            yield self._input
            yield self._problem
            yield key_hints(("enter", say("write it")), ("esc", say("leave it")))

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Input.Changed)
    def _typed(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE, self._check)

    @on(Input.Submitted)
    def _entered(self) -> None:
        self.run_worker(partial(self._checked, leave=True), name="check", exclusive=True, exit_on_error=False)

    def _check(self) -> None:
        self.run_worker(partial(self._checked, leave=False), name="check", exclusive=True, exit_on_error=False)

    async def _checked(self, *, leave: bool) -> None:
        text = self._input.value
        reply = await self._host.ask(CheckSetting(self._setting.key, text))
        problem = reply.value if isinstance(reply, Done) else reply.text
        if text != self._input.value:
            return
        if problem:
            self._problem.set_text(styled((problem, Tone.BAD)))
        elif leave:
            self.dismiss(text)
        else:
            self._problem.set_text(styled((say("Valid"), Tone.GOOD)))


class SecretEdit(Dialog[str]):
    """A password; answers with it, or "" where none was typed."""

    AUTO_FOCUS = "Input"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", show=False)]

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self._input = PasswordInput(password=True, max_length=2000, compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as box:
            box.border_title = self._what
            yield Static(styled(say("Stored in the system's keyring; if that fails, rotor asks you.")), markup=False)
            yield self._input
            yield key_hints(("enter", say("store it")), ("esc", say("leave it")))

    def action_leave(self) -> None:
        self._answer("")

    @on(Input.Submitted)
    def _entered(self) -> None:
        self._answer(self._input.value)

    def _answer(self, secret: str) -> None:
        self._input.value = ""
        self.dismiss(secret)


TONES = {
    CheckResult.OK: Tone.GOOD,
    CheckResult.NOTE: Tone.DIM,
    CheckResult.WARNING: Tone.WARN,
    CheckResult.FAILED: Tone.BAD,
}

_COLUMNS, _LINES = 80, 24
_COLOURS = {"truecolor": mark("16 million"), "256": "256", "standard": "16", "windows": "16"}
"""Colours of a terminal by what Rich calls them."""


async def show_checkup(host: PaneHost, app: App[None]) -> None:
    """Ask the engine, and show what it found with what is known of this terminal."""
    host.show_message(say("Checking everything: this takes some seconds."))
    reply = await host.ask(Examine())
    if isinstance(reply, Done):
        title = say("Check-up") if host.snapshot is None else say("Check-up of {at}", at=fmt.clock(host.snapshot.at))
        host.push_screen(TextDialog(title, findings_text((*reply.value, terminal_of(app)))))
    else:
        host.show_message(say("The check-up could not be made: {reason}", reason=reply.text), failed=True)


def findings_text(findings: Sequence[Finding]) -> Text:
    """A line for each: its name, its state, what it means, and the remedy below."""
    worst = [finding for finding in findings if finding.state in {CheckResult.FAILED, CheckResult.WARNING}]
    head = (
        say("{count} of {all} need attention.", count=len(worst), all=len(findings)) if worst else say("All is well.")
    )
    text = Text(f"{head}\n", STYLES[Tone.STRONG])
    for finding in findings:
        text.append("\n" + fmt.fit(say(finding.name, context="check"), 10), STYLES[Tone.TEXT])
        text.append(fmt.fit(say(finding.state), 8) + " ", STYLES[TONES[finding.state]])
        text.append(finding.text, STYLES[Tone.TEXT])
        if finding.remedy:
            text.append(f"\n{'':<10}{'':<8} > {finding.remedy}", STYLES[Tone.DIM])
    return text


def terminal_of(app: App[None]) -> Finding:
    """The terminal that the app draws on."""
    width, height = app.size
    colours = _COLOURS.get(app.console.color_system or "", mark("none"))
    return terminal_finding(width, height, colours, app.console.encoding)


def terminal_finding(width: int, height: int, colours: str, encoding: str) -> Finding:
    """What a terminal of these abilities is good for."""
    terminal = say(
        "{width} x {height}, colours: {colours}, {encoding}",
        width=width,
        height=height,
        colours=say(colours),
        encoding=encoding,
    )
    if encoding.lower().replace("-", "") != "utf8":
        remedy = say("Use Windows Terminal, or set PYTHONUTF8=1 and, over ssh, LANG to a UTF-8 one.")
        return Finding(
            "screen",
            CheckResult.WARNING,
            say("{terminal}: Chinese names cannot be displayed", terminal=terminal),
            remedy,
        )
    if width < _COLUMNS or height < _LINES:
        return Finding(
            "screen",
            CheckResult.WARNING,
            say("{terminal}: too small", terminal=terminal),
            say("Make it 80 x 24 at least."),
        )
    if colours == "none":
        return Finding(
            "screen", CheckResult.NOTE, say("{terminal}: no colours; the text shows everything too", terminal=terminal)
        )
    return Finding("screen", CheckResult.OK, terminal)
