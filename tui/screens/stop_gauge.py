"""The gauge of a holding's stops, for a card: levels, cost and last price, and whether the stops are armed."""

from core.model.bond import BondCode
from core.model.snapshot import PositionRow, Snapshot
from tui.screens.holding_text import holding_of
from tui.screens.stop_text import gauge_text
from tui.widgets.text import FittedText


class StopGauge(FittedText):
    """Shown while the account holds the bond."""

    def __init__(self, code: BondCode, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._code = code
        self._row: PositionRow | None = None
        self.display = False

    def show(self, snapshot: Snapshot | None) -> None:
        self._row = holding_of(self._code, snapshot)
        self.display = self._row is not None
        self.refresh_text()

    def refresh_text(self) -> None:
        if self._row is not None and self.content_size.width:
            self.set_text(gauge_text(self._row, self.content_size.width))
