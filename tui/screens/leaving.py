"""Leaving: what ends with the app, asked about before it does."""

from core.model.order import Origin
from core.model.snapshot import Rebalance, Snapshot
from tui import format as fmt
from tui.day import due_today, guarding
from tui.screens.modals import Confirm, Fact
from tui.widgets.palette import Tone


def quit_question(snapshot: Snapshot | None, *, begun: bool) -> Confirm | None:
    """None where nothing is lost by leaving. `begun`: something was asked for that no picture shows yet."""
    run = snapshot.rebalance if snapshot is not None else None
    if run is not None and not run.running:
        run = None
    rows = _running_rows(run) if run is not None or begun else []
    unguarded = _unguarded_rows(snapshot) if snapshot is not None else []
    if not rows and not unguarded:
        return None
    what = f"A {run.origin if run is not None else Origin.REBALANCE} is running. " if rows else ""
    lost = f"{'Stops live' if snapshot and guarding(snapshot) else 'Runs start'} only while rotor runs. "
    return Confirm("Quit", rows + unguarded, f"{what or lost}Quit all the same?", "Yes, quit", danger=True)


def _running_rows(run: Rebalance | None) -> list[Fact]:
    stage = "just begun" if run is None else f"{run.stage}, {fmt.plural(len(run.legs), 'order')}"
    rest = "part of the list stays unbought"
    if run is not None and run.origin is Origin.FLATTEN:
        rest = "part of what is ours stays unsold"
    return [
        ((run.origin if run is not None else Origin.REBALANCE).capitalize(), stage, Tone.WARN),
        ("Sent", "stays at the broker and may still fill", Tone.TEXT),
        ("Not sent", f"is dropped: {rest}", Tone.TEXT),
        ("Next start", "books what was filled and cancels the rest", Tone.TEXT),
    ]


def _unguarded_rows(snapshot: Snapshot) -> list[Fact]:
    rows: list[Fact] = []
    armed = guarding(snapshot)
    if armed:
        rows.append(("Stops", f"{armed} armed: none fires while rotor is closed", Tone.WARN))
    due = [f"{job.name} of {fmt.moment(job.at, snapshot.at)} would not run" for job in due_today(snapshot)]
    return rows + [("Missed", run, Tone.WARN) for run in due]
