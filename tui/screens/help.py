"""The help: the current screen in two sentences, and every key that works there."""

from rich.text import Text

from core.i18n import say
from tui import format as fmt
from tui.actions import ACTIONS, PANES, Action, actions_of
from tui.screens.dialogs import Reading
from tui.widgets.theme import STYLES, Tone


def help_screen(pane_id: str) -> Reading:
    """The help of one pane."""
    pane = next(pane for pane in PANES if pane.id == pane_id)
    text = Text(f"{say(pane.about)}\n", STYLES[Tone.TEXT])
    _keys(text, say("On {title}", title=say(pane.title)), actions_of(pane_id))
    text.append(say("\nEverywhere\n"), STYLES[Tone.TITLE])
    _line(text, "1-8", say("Go to a screen"))
    _line(text, say("up/down"), say("Move; pgup, pgdn, home and end do too"))
    for action in (action for action in ACTIONS if action.pane == "app"):
        _line(text, action.key_text, say(action.help))
    _line(text, "shift+drag", say("Select text with the mouse (in Windows Terminal)"))
    return Reading(say("Help"), text)


def _keys(text: Text, title: str, actions: tuple[Action, ...]) -> None:
    text.append(f"\n{title}\n", STYLES[Tone.TITLE])
    for action in actions:
        _line(text, action.key_text, say(action.help))


def _line(text: Text, key: str, meaning: str) -> None:
    text.append(fmt.fit(key, 10, right=True), STYLES[Tone.KEY])
    text.append(f"  {meaning}\n", STYLES[Tone.TEXT])
