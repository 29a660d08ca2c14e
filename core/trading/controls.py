"""The brakes: pause buys, the breaker, halt. Kept on disk, where every process of this home finds them."""

from core.i18n import mark, say
from core.model.order import UNLIMITED, Intent, Origin, Side
from core.model.snapshot import Control
from core.trading.state_store import Memory

_KEY = "control"

PAUSED = mark("buys are paused (resume to go on)")
TRIPPED = mark("the breaker tripped: too many orders were turned down in a row (look at why, then resume)")
HALTED = mark("trading is halted: nothing new is sent, no stop either (resume to go on)")
_STRENGTH = (Control.PAUSED, Control.TRIPPED, Control.HALTED)
_WHY = {Control.PAUSED: PAUSED, Control.TRIPPED: TRIPPED, Control.HALTED: HALTED}


class Controls:
    """Read from the disk each time: `rotor halt` beside a running engine takes effect on its very next order."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    @property
    def pulled(self) -> Control | None:
        kept = self._memory.recall(_KEY)
        return Control(kept) if kept else None

    @property
    def halted(self) -> bool:
        return self.pulled is Control.HALTED

    def pull(self, control: Control) -> None:
        """Take effect at once. A weaker brake does not undo a stronger one."""
        pulled = self.pulled
        if pulled is None or _STRENGTH.index(control) > _STRENGTH.index(pulled):
            self._memory.keep(_KEY, control)

    def release(self) -> None:
        """End whichever it is."""
        self._memory.keep(_KEY, "")

    def why_no_buys(self) -> str | None:
        """Why nothing is bought, None where it may be."""
        pulled = self.pulled
        return None if pulled is None else say(_WHY[pulled])

    def why_not(self, intent: Intent) -> str | None:
        """Why this order is held back; only a flatten passes a halt."""
        pulled = self.pulled
        if pulled is Control.HALTED and intent.origin is not Origin.FLATTEN:
            return say(HALTED)
        if pulled is Control.TRIPPED and intent.origin not in UNLIMITED:
            return say(TRIPPED)
        if pulled is Control.PAUSED and intent.side is Side.BUY:
            return say(PAUSED)
        return None
