"""Leaving: what ends with the app, asked about before it does."""

from core.i18n import say
from core.model.order import Origin
from core.model.snapshot import Rebalance, Snapshot
from tui import format as fmt
from tui.day import due_today, guarding
from tui.screens.dialogs import Confirm, Fact
from tui.widgets.theme import Tone


def quit_question(snapshot: Snapshot | None, *, begun: bool) -> Confirm | None:
    """None where nothing is lost by leaving. `begun`: something was asked for that no picture shows yet."""
    run = snapshot.rebalance if snapshot is not None else None
    if run is not None and not run.running:
        run = None
    rows = _running_rows(run) if run is not None or begun else []
    unguarded = _unguarded_rows(snapshot) if snapshot is not None else []
    if not rows and not unguarded:
        return None
    what = (
        say("A {origin} is running. ", origin=say(run.origin if run is not None else Origin.REBALANCE)) if rows else ""
    )
    lost = say("Runs start only while rotor runs. ")
    if snapshot and guarding(snapshot):
        lost = say("Stops live only while rotor runs. ")
    return Confirm(
        say("Quit"), rows + unguarded, say("{what}Quit all the same?", what=what or lost), say("Yes, quit"), danger=True
    )


def _running_rows(run: Rebalance | None) -> list[Fact]:
    stage = say("just begun") if run is None else f"{say(run.stage)}, {fmt.plural(len(run.legs), 'order')}"
    rest = say("part of the list stays unbought")
    if run is not None and run.origin is Origin.FLATTEN:
        rest = say("part of what is ours stays unsold")
    return [
        ((run.origin if run is not None else Origin.REBALANCE).capitalize(), stage, Tone.WARN),
        (say("Sent"), say("stays at the broker and may still fill"), Tone.TEXT),
        (say("Not sent"), say("is dropped: {rest}", rest=rest), Tone.TEXT),
        (say("Next start"), say("books what was filled and cancels the rest"), Tone.TEXT),
    ]


def _unguarded_rows(snapshot: Snapshot) -> list[Fact]:
    rows: list[Fact] = []
    armed = guarding(snapshot)
    if armed:
        rows.append((say("Stops"), say("{armed} armed: none fires while rotor is closed", armed=armed), Tone.WARN))
    due = [
        say("{name} of {at} would not run", name=say(job.name), at=fmt.moment(job.at, snapshot.at))
        for job in due_today(snapshot)
    ]
    return rows + [(say("Missed"), run, Tone.WARN) for run in due]
