"""What came of an action, in a strip of its own above the keys: it lies over nothing, so it hides no price."""

import time

from tui.widgets.text import Words
from tui.widgets.theme import Tone, words

_SECONDS, _FAILED_SECONDS = 6.0, 15.0


class Strip(Words):
    """The newest wins; what went wrong stays longer, and is called so in words."""

    def __init__(self) -> None:
        super().__init__(id="strip")
        self._until = 0.0
        self.display = False

    def tell(self, text: str, *, failed: bool = False) -> None:
        self.put(words(("! ", Tone.BAD) if failed else "", (text, Tone.BAD if failed else Tone.STRONG)))
        self._until = time.monotonic() + (_FAILED_SECONDS if failed else _SECONDS)
        self.display = True

    def beat(self) -> None:
        """Go when the time is over."""
        if self.display and time.monotonic() >= self._until:
            self.clear()

    def clear(self) -> None:
        self.display = False
        self.put("")
