"""An engine that answers as a test scripts it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from core.engine.ipc.link import SnapshotListener
from core.model.command import (
    ChangeSetting,
    CheckSetting,
    Command,
    Done,
    Examine,
    ExportReport,
    Failed,
    FindInLog,
    ListRecords,
    ListStrategies,
    MakePlan,
    Query,
    ReadBenchmark,
    ReadDayLine,
    ReadEquity,
    ReadLog,
    ReadOrders,
    ReadReport,
    ReadRule,
    ReadSettings,
    Reply,
    ShowBond,
    ShowDetail,
    ShowRecord,
)
from core.model.snapshot import Snapshot
from tests.tui.line_samples import benchmark, day_line
from tests.tui.samples import (
    day_of_orders,
    equity,
    findings,
    found_line,
    log_page,
    plan,
    preferences,
    report,
    show_bond,
)
from tests.tui.strategy_samples import record_card, record_detail, records_page, strategies_page


class ScriptedLink:
    """An `EngineLink`: answers by command type, keeps what was sent, and can leave a command unanswered."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self.sent: list[Command[Any]] = []
        self.open: list[tuple[Command[Any], Future[Any]]] = []
        self.listeners: list[SnapshotListener] = []
        self.replies: dict[type, Reply[Any] | Callable[[Any], Reply[Any]] | None] = {
            ListStrategies: lambda command: Done(strategies_page(command)),
            ListRecords: lambda command: Done(records_page(command)),
            ShowRecord: lambda command: Done(record_card(command)),
            ShowBond: lambda command: Done(show_bond(command)),
            ReadRule: lambda command: Done(record_card(ShowRecord(command.strategy_id, command.history_id)).rule),
            ShowDetail: lambda _: Done(record_detail()),
            ReadLog: lambda command: Done(log_page(command)),
            FindInLog: lambda command: Done(found_line(command)),
            ReadOrders: lambda command: Done(day_of_orders(command)),
            MakePlan: lambda _: Done(plan()),
            ReadEquity: lambda _: Done(equity()),
            ReadBenchmark: lambda command: Done(benchmark(command)),
            ReadDayLine: lambda command: Done(day_line(command)),
            ReadReport: lambda command: Done(report(command)),
            ExportReport: lambda _: Done(("/home/trader/rotor/data/export/report-bonds.csv",)),
            ReadSettings: lambda _: Done(preferences()),
            Examine: lambda _: Done(findings()),
            CheckSetting: lambda command: Done("should be greater than 0" if command.text.startswith("-") else ""),
            ChangeSetting: lambda command: Done(f"{command.key} is written; it takes effect after a restart."),
        }
        self._latest = snapshot
        self.trouble: str | None = None

    @property
    def latest(self) -> Snapshot | None:
        return self._latest

    def subscribe(self, listener: SnapshotListener) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def send(self, command: Command[Any]) -> "Future[Any]":
        self.sent.append(command)
        future: Future[Any] = Future()
        reply = self.replies.get(type(command), Failed("not in the script"))
        if callable(reply):
            reply = reply(command)
        if reply is None:
            self.open.append((command, future))
        else:
            future.set_result(reply)
        return future

    def publish(self, snapshot: Snapshot) -> None:
        self._latest = snapshot
        for listener in list(self.listeners):
            listener(snapshot)

    def change(self, **changes: Any) -> Snapshot:
        """Publish the newest snapshot with these fields changed."""
        assert self._latest is not None
        new = replace(self._latest, **{"number": self._latest.number + 1, **changes})
        self.publish(new)
        return new

    @property
    def acted(self) -> list[Command[Any]]:
        """What was sent that changes something."""
        return [command for command in self.sent if not isinstance(command, Query)]

    def sent_of(self, kind: type) -> list[Any]:
        return [command for command in self.sent if isinstance(command, kind)]
