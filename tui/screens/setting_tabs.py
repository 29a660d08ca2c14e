"""The tabs of the Settings screen."""

from rich.cells import cell_len
from textual.message import Message

from core.i18n import say
from core.model.setting_names import TABS
from tui.widgets.text import ClickableText, FittedText
from tui.widgets.theme import STYLES, Tone, styled


class SettingTabs(ClickableText[str], FittedText):
    """The groups of settings, places in their list; the one with the cursor in brackets."""

    class TabPicked(Message):
        def __init__(self, tab: str) -> None:
            super().__init__()
            self.tab = tab

    def __init__(self) -> None:
        super().__init__(id="setting-tabs")
        self.current = TABS[0].id

    def show(self, tab: str) -> None:
        self.current = tab
        self.refresh_text()

    def clicked(self, link: str) -> None:
        self.post_message(self.TabPicked(link))

    def refresh_text(self) -> None:
        """Those that fit around the current one; `<` and `>` stand for the others."""
        at = next(place for place, tab in enumerate(TABS) if tab.id == self.current)
        first, last = at, at + 1
        while first > 0 or last < len(TABS):
            if last < len(TABS) and self._cells(first, last + 1) <= self.size.width:
                last += 1
            elif first > 0 and self._cells(first - 1, last) <= self.size.width:
                first -= 1
            else:
                break
        text = styled(("< " if first else "", Tone.DIM))
        self._links.clear()
        for tab in TABS[first:last]:
            start, current = text.cell_len, tab.id == self.current
            shown = f"[{say(tab.title)}]" if current else f" {say(tab.title)} "
            text.append(shown, STYLES[Tone.TITLE if current else Tone.DIM])
            self._links.append((start, text.cell_len, tab.id))
        self.set_text(text.append(" >" if last < len(TABS) else "", STYLES[Tone.DIM]))

    @staticmethod
    def _cells(first: int, last: int) -> int:
        return sum(cell_len(say(tab.title)) + 2 for tab in TABS[first:last]) + 4
