"""Text on the screen that is repainted only when it says something new."""

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import Static

from core.i18n import say
from tui.widgets.theme import STYLES, Tone, styled


class TextBlock(Static):
    """Plain text; what the platform or the broker wrote is never read as markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, classes=classes, markup=False)
        self._content: Text | None = None

    @property
    def text(self) -> str:
        """What it says now, without its colours."""
        return "" if self._content is None else self._content.plain

    def set_text(self, text: Text | str) -> None:
        new = styled(text) if isinstance(text, str) else text
        if self._content is None or new.plain != self._content.plain or new.spans != self._content.spans:
            self._content = new
            self.update(new)


class Section(TextBlock):
    """A titled block of text; the title is marked."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._heading = title
        self.refresh_title()

    def refresh_title(self) -> None:
        """In the language in use."""
        self.border_title = say(self._heading)


def facts(rows: list[tuple[str, str, Tone]], width: int = 14) -> Text:
    """Label and value lines."""
    text = Text(style=STYLES[Tone.TEXT])
    for number, (label, value, tone) in enumerate(rows):
        text.append("\n" if number else "")
        # In cells: a Chinese label is wider than its length.
        text.append(label + " " * max(1, width - cell_len(label)), STYLES[Tone.DIM])
        text.append(value, STYLES[tone])
    return text


def key_hints(*keys: tuple[str, str]) -> Text:
    """Keys and what they do: `y execute   n go back`."""
    text = Text(style=STYLES[Tone.DIM])
    for number, (key, meaning) in enumerate(keys):
        text.append("   " if number else "")
        text.append(key, STYLES[Tone.KEY])
        text.append(f" {meaning}")
    return text
