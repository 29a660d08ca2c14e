"""The examination on a screen: what `rotor doctor` prints, of the engine that runs."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import App

from core.i18n import say
from core.model.command import Done, Examine
from core.model.finding import Finding, State
from tui.screens.dialogs import Reading
from tui.screens.pane import Host
from tui.widgets.theme import STYLES, Tone

TONES = {State.OK: Tone.GOOD, State.NOTE: Tone.DIM, State.WARNING: Tone.WARN, State.FAILED: Tone.BAD}

_COLUMNS, _LINES = 80, 24


async def show_checkup(host: Host, app: App[None]) -> None:
    """Ask the engine, and show what it found with what is known of this terminal."""
    host.tell(say("Looking at everything: this takes some seconds."))
    reply = await host.ask(Examine())
    if isinstance(reply, Done):
        host.push_screen(Reading(say("Check-up"), findings_text((*reply.value, terminal_of(app)))))
    else:
        host.tell(say("The check-up could not be made: {reason}", reason=reply.text), failed=True)


def findings_text(findings: Sequence[Finding]) -> Text:
    """A line for each: its name, its state, what it means, and the remedy below."""
    worst = [finding for finding in findings if finding.state in {State.FAILED, State.WARNING}]
    head = say("{count} of {all} need a look.", count=len(worst), all=len(findings)) if worst else say("All is well.")
    text = Text(f"{head}\n", STYLES[Tone.STRONG])
    for finding in findings:
        text.append(f"\n{finding.name:<10}", STYLES[Tone.TEXT])
        text.append(f"{say(str(finding.state)):<8} ", STYLES[TONES[finding.state]])
        text.append(finding.text, STYLES[Tone.TEXT])
        if finding.remedy:
            text.append(f"\n{'':<10}{'':<8} > {finding.remedy}", STYLES[Tone.DIM])
    return text


def terminal_of(app: App[None]) -> Finding:
    """The terminal that the app draws on."""
    width, height = app.size
    colours = app.console.color_system or "none"
    return terminal_finding(width, height, str(colours), app.console.encoding)


def terminal_finding(width: int, height: int, colours: str, encoding: str) -> Finding:
    """What a terminal of these abilities is good for."""
    told = say(
        "{width} x {height}, colours: {colours}, {encoding}",
        width=width,
        height=height,
        colours=colours,
        encoding=encoding,
    )
    if encoding.lower().replace("-", "") != "utf8":
        remedy = say("Use Windows Terminal, or set PYTHONUTF8=1 and, over ssh, LANG to a UTF-8 one.")
        return Finding("screen", State.WARNING, say("{told}: Chinese names will not be shown", told=told), remedy)
    if width < _COLUMNS or height < _LINES:
        return Finding("screen", State.WARNING, say("{told}: too small", told=told), say("Make it 80 x 24 at least."))
    if colours == "none":
        return Finding("screen", State.NOTE, say("{told}: no colours; words tell everything too", told=told))
    return Finding("screen", State.OK, told)
