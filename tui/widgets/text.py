"""Text on the screen that is repainted only when it changes."""

from collections.abc import Sequence
from typing import Generic, Self, TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.style import Style as VisualStyle
from textual.visual import Visual, visualize
from textual.widget import Widget
from textual.widgets import Static

from tui.widgets.theme import STYLES, Tone, styled
from tui.widgets.wrapping import line_ends

_HANG = "hang"
"""The key of a style that says from which cell on a line's value is wrapped."""


class TextBlock(Widget):
    """Plain text: texts of the platform and the broker are never read as markup.

    A new text is painted where its lines differ from those of the one before, as `Static`, which paints all of them
    again, does not: most of a text beside a table stays the same from price to price.
    """

    DEFAULT_CSS = "TextBlock { height: auto; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes, markup=False)
        self.set_reactive(Widget.auto_links, False)  # no text has any: not looked for in each line
        self._content: Text | None = None
        self._visual: Visual = Content()
        self._lines: int | None = None  # that the text takes, where it is known
        self._strips: list[Strip] | None = None  # as painted last, None where they have to be made again
        self._made_for: tuple[Size, VisualStyle] | None = None

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
            hangs = any(_hang_of(line) for line in new.split("\n"))
            self._visual = visualize(self, _HangingText(new) if hangs else new, markup=False)
            if not self.size.width:  # hidden, or arranged soon anyway
                self._lines = None
                self.refresh(layout=self._wide_as_its_text)
                return
            strips, before = self._painted(), self._lines
            self._lines = len(strips)
            if self._wide_as_its_text or self._lines != before:
                self.refresh(layout=True)  # takes ten times as long as painting this text
            else:
                self._refresh_changed_lines(strips)

    def on_resize(self) -> None:
        self._lines = len(self._painted()) if self.size.width else None

    # -- painting: see "Line API" in Textual's guide to widgets ------------------------------------------------------

    def render(self) -> Visual:
        return self._visual

    def render_lines(self, crop: Region) -> list[Strip]:
        if self._made_for != (self.size, self.visual_style):
            self._strips = None
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        if self._strips is None:
            self._strips, self._made_for = self._painted(), (self.size, self.visual_style)
        return self._line(self._strips, y)

    def refresh(self, *regions: Region, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        if repaint and not regions:
            self._strips = None
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)

    def _refresh_changed_lines(self, after: list[Strip]) -> None:
        before, self._strips = self._strips, after
        if before is None:  # painted whole, at the next frame
            self.refresh()
            return
        width, height = self.size
        same = [self._line(before, y) == self._line(after, y) for y in range(height)]
        if not all(same):
            self.refresh(*(Region(0, y, width, 1) for y in range(height) if not same[y]))

    def _painted(self) -> list[Strip]:
        """All lines of the text, also those that the widget has no room for."""
        return Visual.to_strips(self, self._visual, self.size.width, None, self.visual_style)

    def _line(self, strips: list[Strip], y: int) -> Strip:
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.visual_style.rich_style)

    @property
    def _wide_as_its_text(self) -> bool:
        return self.styles.width is not None and self.styles.width.is_auto


class FittedText(TextBlock):
    """Text that is laid out for the size of its widget."""

    def on_resize(self) -> None:
        super().on_resize()
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


_LABEL_GAP = 2


def facts(rows: Sequence[tuple[str, str, Tone]], width: int = 0) -> Text:
    """Label and value lines. The values stand in one column, at least `width` cells from the left; a long one is
    wrapped within it.
    """
    column = max([width, *(cell_len(label) + _LABEL_GAP for label, _, _ in rows)])
    text = Text(style=STYLES[Tone.TEXT])
    for number, (label, value, tone) in enumerate(rows):
        text.append("\n" if number else "")
        # In cells: a Chinese label is wider than its length.
        text.append(label + " " * (column - cell_len(label)), STYLES[Tone.DIM] + hanging(column))
        text.append(value, STYLES[tone])
    return text


def hanging(cells: int) -> Style:
    """For the beginning of a line, which takes so many cells: what does not fit is continued below what follows it."""
    return Style(meta={_HANG: cells})


def lines_of(text: Text, width: int) -> int:
    """How many lines the text takes where so many cells are a line."""
    return sum(len(_hung(line, max(1, width))) for line in text.split("\n", allow_blank=True))


class _HangingText:
    """Text of which some lines are continued within the column of their values."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self._text)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self._text.split("\n", allow_blank=True):
            for part in _hung(line, options.max_width):
                yield from part.render(console)
                yield Segment.line()


def _hung(line: Text, width: int) -> list[Text]:
    """The line, or its parts that fit into the width."""
    if line.cell_len <= width:
        return [line]
    hang = _hang_of(line)
    hang = hang if hang * 2 <= width else 0
    label, value = line.divide([_place_of(line.plain, hang)])
    parts = value.divide(line_ends(value.plain, width - hang))
    for part in parts:
        part.rstrip()
    return [(label if number == 0 else Text(" " * hang)) + part for number, part in enumerate(parts)]


def _hang_of(line: Text) -> int:
    firsts = (span.style for span in line.spans if span.start == 0 and isinstance(span.style, Style))
    return max((int(style.meta.get(_HANG, 0)) for style in firsts if style.meta), default=0)


def _place_of(text: str, cells: int) -> int:
    """The number of characters that take so many cells."""
    return next((place for place in range(len(text) + 1) if cell_len(text[:place]) >= cells), len(text))


def key_hints(*keys: tuple[str, str]) -> Static:
    """The last line of a dialog, keys and what they do: `y execute   n go back`."""
    text = Text(style=STYLES[Tone.DIM])
    for number, (key, meaning) in enumerate(keys):
        text.append("   " if number else "")
        text.append(key, STYLES[Tone.KEY])
        text.append(f" {meaning}")
    return Static(text, markup=False, classes="dialog-hint")
