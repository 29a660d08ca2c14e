"""The help: the current screen in two sentences, and every key that works there."""

from rich.text import Text

from tui.actions import ACTIONS, PANES, Action, actions_of
from tui.screens.modals import Reading
from tui.widgets.palette import STYLES, Tone


def help_screen(pane_id: str) -> Reading:
    """The help of one pane."""
    pane = next(pane for pane in PANES if pane.id == pane_id)
    text = Text(f"{pane.about}\n", STYLES[Tone.TEXT])
    _keys(text, f"On {pane.title}", actions_of(pane_id))
    text.append("\nEverywhere\n", STYLES[Tone.TITLE])
    _line(text, "1-6", "Go to a screen")
    _line(text, "up/down", "Move; pgup, pgdn, home and end do too")
    for action in (action for action in ACTIONS if action.pane == "app"):
        _line(text, action.key_text, action.help)
    _line(text, "shift+drag", "Select text with the mouse (in Windows Terminal)")
    return Reading("Help", text)


def _keys(text: Text, title: str, actions: tuple[Action, ...]) -> None:
    text.append(f"\n{title}\n", STYLES[Tone.TITLE])
    for action in actions:
        _line(text, action.key_text, action.help)


def _line(text: Text, key: str, meaning: str) -> None:
    text.append(f"{key:>10}", STYLES[Tone.KEY])
    text.append(f"  {meaning}\n", STYLES[Tone.TEXT])
