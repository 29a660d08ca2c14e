"""The bordered panels that every screen is made of."""

from textual import events
from textual.containers import Container, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from core.i18n import say
from core.model.settings import LEAST_DETAILS, MOST_DETAILS
from tui.widgets.steady import LaidOutOnce
from tui.widgets.text import TextBlock


class Titled(LaidOutOnce):
    """A widget with a border that carries a title above and a hint below.

    The title is marked; what is set by `set_title` and `set_hint` is said already. Neither is read as markup.
    """

    _heading = ""
    _shown_title = _shown_hint = _hint = ""
    _alone = False

    def refresh_title(self) -> None:
        """Say the title again: the language has changed."""
        if self._heading:
            self.set_title(say(self._heading))

    def set_title(self, text: str) -> None:
        if text != self._shown_title:  # each setting draws the whole widget again
            self._shown_title = text
            self.border_title = Content(text)  # pyright: ignore[reportAttributeAccessIssue]

    def set_hint(self, text: str) -> None:
        self._hint = text
        self._show_hint()

    def show_alone(self, alone: bool) -> None:
        """This panel has the whole screen, and its hint says how to see the others again."""
        self._alone = alone
        self._show_hint()

    def _show_hint(self) -> None:
        text = say("z or esc: all panels") if self._alone else self._hint
        if text != self._shown_hint:
            self._shown_hint = text
            self.border_subtitle = Content(text)  # pyright: ignore[reportAttributeAccessIssue]


class PanelBox(Vertical, Titled):
    """A titled border around widgets. It is lit while one of them has the focus."""

    def __init__(self, title: str, *children: Widget, id: str | None = None, classes: str = "") -> None:  # noqa: A002
        super().__init__(*children, id=id, classes=f"panel {classes}".strip())
        self._heading = title
        self.refresh_title()

    def on_click(self) -> None:
        """A click beside what can have the focus gives it the focus."""
        if not self.has_pseudo_class("focus-within"):
            inside = next((widget for widget in self.walk_children(Widget) if widget.focusable), None)
            if inside is not None:
                inside.focus(scroll_visible=False)


class Split(Container):
    """A panel and its details. Where they stand side by side, the mouse moves the border between them."""

    class Moved(Message):
        """The border was moved: the details are to stay so wide."""

        def __init__(self, cells: int) -> None:
            super().__init__()
            self.cells = cells

    def __init__(self, panel: Widget, detail: Widget) -> None:
        super().__init__(panel, detail, classes="split")
        self._panel, self._detail = panel, detail
        self._cells: int | None = None
        """The width while the border is moved; None while it is not."""

    def on_mouse_down(self, event: events.MouseDown) -> None:
        left, right = self._panel.region, self._detail.region
        beside = self._detail.display and left.right == right.x and left.y == right.y
        if beside and event.button == 1 and event.screen_x in (right.x - 1, right.x):
            self._cells = right.width
            self.capture_mouse()
            event.stop()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        cells = min(MOST_DETAILS, max(LEAST_DETAILS, self.region.right - int(event.screen_x)))
        if self._cells is not None and cells != self._cells:
            self._cells = cells
            # Only this one is laid out anew: the style sheet with the width is that of every screen.
            self._detail.styles.width = cells

    def on_mouse_up(self) -> None:
        if self._cells is not None:
            self.post_message(self.Moved(self._cells))
            self._cells = None
            self.release_mouse()

    def use_style_sheet(self) -> None:
        """The style sheet has the new width."""
        self._detail.styles.clear_rule("width")


class TextPanel(TextBlock, Titled, can_focus=True):
    """A titled border around a text. It has the focus to be scrolled, or shown alone."""

    class Resized(Message):
        """What is laid out for its size has to be laid out again."""

    def __init__(self, title: str, *, id: str | None = None, classes: str = "") -> None:  # noqa: A002
        super().__init__(id=id, classes=f"panel {classes}".strip())
        self._heading = title
        self.refresh_title()

    def on_resize(self) -> None:
        self.post_message(self.Resized())
