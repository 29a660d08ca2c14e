"""The text of the row under the cursor, below a table whose columns cut it."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.text import Text

from tui.widgets.text import TextBlock, lines_of

_MOST = 3
_PADDING = 2


class RowInFull(TextBlock):
    """As high as the longest text needs, also while the cursor is on a row without any: else rows would move with the
    cursor. Not shown where no row has one.
    """

    def __init__(self) -> None:
        super().__init__(classes="detail")
        self.display = False

    def show(self, text: Text, longest: Text, width: int) -> None:
        """`longest` is the longest of those that the rows have, `width` the table's."""
        self.display = bool(longest)
        self.styles.height = min(_MOST, lines_of(longest, width - _PADDING))
        self.set_text(text)


def longest(texts: Iterable[Text]) -> Text:
    """The one that takes most cells; an empty one where there is none."""
    return max(texts, key=lambda text: cell_len(text.plain), default=Text())
