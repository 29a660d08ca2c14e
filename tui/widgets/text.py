"""Text on the screen that is repainted only when it changes."""

from typing import Generic, TypeVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.widgets import Static

from core.i18n import say
from tui.widgets.theme import STYLES, Tone, styled


class TextBlock(Static):
    """Plain text: texts of the platform and the broker are never read as markup."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__("", id=id, classes=classes, markup=False)
        self._content: Text | None = None

    @property
    def text(self) -> str:
        """The text without its colours."""
        return "" if self._content is None else self._content.plain

    @property
    def content_text(self) -> Text:
        """The text with its colours."""
        return self._content or Text()

    def set_text(self, text: Text | str) -> None:
        new = styled(text) if isinstance(text, str) else text
        if self._content is None or new.plain != self._content.plain or new.spans != self._content.spans:
            self._content = new
            self.update(new)


class FittedText(TextBlock):
    """Text that is laid out for the size of its widget."""

    def on_resize(self) -> None:
        self.refresh_text()

    def refresh_text(self) -> None:
        raise NotImplementedError


Link = TypeVar("Link")


class ClickableText(TextBlock, Generic[Link]):
    """Text with parts that can be clicked: `_links` holds the first cell, the end and the meaning of each."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._links: list[tuple[int, int, Link]] = []

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        for start, end, link in self._links:
            if offset is not None and start <= offset.x < end:
                self.clicked(link)

    def clicked(self, link: Link) -> None:
        raise NotImplementedError


class Section(TextBlock):
    """A titled block of text; the title is marked."""

    def __init__(self, title: str, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._heading = title
        self.refresh_title()

    def refresh_title(self) -> None:
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


def key_hints(*keys: tuple[str, str]) -> Static:
    """The last line of a dialog, keys and what they do: `y execute   n go back`."""
    text = Text(style=STYLES[Tone.DIM])
    for number, (key, meaning) in enumerate(keys):
        text.append("   " if number else "")
        text.append(key, STYLES[Tone.KEY])
        text.append(f" {meaning}")
    return Static(text, markup=False, classes="dialog-hint")
