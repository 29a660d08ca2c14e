"""What keeps the screen from being laid out more often than its parts change their size."""

from rich.text import Text
from textual.events import ScreenResume
from textual.geometry import Size
from textual.reactive import Reactive
from textual.visual import visualize
from textual.widget import Widget

from tui.widgets.text import TextBlock
from tui.widgets.theme import styled


class LaidOutOnce(Widget):
    """A widget whose new size asks for no second layout.

    Textual lays the whole screen out again after each layout that changed the size of a widget. Where a scrollbar
    comes or goes it still does. A class names it last: Textual takes styles from the first one.
    """

    virtual_size = Reactive(Size(0, 0), layout=False)


class StyledAsMounted:
    """A screen that is not styled again as it first appears: its widgets have their styles since they were mounted. A
    class names it before its screen."""

    _appeared = False

    def on_screen_resume(self, event: ScreenResume) -> None:
        event.refresh_styles = event.refresh_styles and self._appeared
        self._appeared = True


class KeptText(TextBlock, LaidOutOnce):
    """Text that keeps its height while what will stand there is being loaded. Without text it takes no room."""

    def show(self, text: Text | str = "", *, waiting: bool = False) -> None:
        """With `waiting`, `text` stands there only until the one that is being loaded has come."""
        new = styled(text) if isinstance(text, str) else text
        width, height = self.content_size
        if waiting and self.display and width:
            taken = visualize(self, new, markup=False).get_height(self.styles.get_rules(), width)
            new = Text("").join([new, blank_lines(height - taken + 1)])
        self.display = bool(new.plain)
        self.set_text(new)


def blank_lines(lines: int) -> Text:
    """Text that takes so many lines and shows nothing."""
    return Text(" " + "\n" * (lines - 1) if lines > 0 else "")
