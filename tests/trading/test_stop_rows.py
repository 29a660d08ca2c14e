"""The stop rows: a hundred rows read the database as often as one."""

from core.trading.account import AccountReader
from core.trading.risk import TradingControls
from core.trading.state_store import StateStore
from core.trading.stop_monitor import StopMonitor
from tests.trading.trading_world import TradingWorld


class CountingMemory(StateStore):
    recalls = 0

    def recall(self, key: str) -> str | None:
        self.recalls += 1
        return super().recall(key)


def test_all_stop_rows_together_read_the_database_once(world: TradingWorld) -> None:
    """They are made for each snapshot, on the loop on which stops fire."""
    world.own(A=100, B=100, C=100, D=100)
    state_store = CountingMemory(world.db)
    account = AccountReader(world.broker, world.clock)
    stops = StopMonitor(world.order_manager, account, world.feed, TradingControls(state_store), world.settings, world)
    assert len(stops.rows()) == 4
    assert state_store.recalls == 1
