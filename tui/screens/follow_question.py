"""A record is followed: it is asked for once more, what it changes is shown, and the user agrees or not."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from core.i18n import say
from core.model.command import Done, Reply, RunStrategy, ShowRecord
from core.model.known import Known, Unknown
from core.model.platform import Record, Strategy
from core.model.record_card import RecordCard
from core.model.snapshot import Snapshot
from tui import format as fmt
from tui.format import ours
from tui.screens.dialogs import ChoiceDialog, Confirm, Fact, Question, kept_current
from tui.screens.pane import PaneHost
from tui.widgets.theme import Tone


async def follow_record(host: PaneHost, strategy: Strategy, record: Record, still_chosen: Callable[[], bool]) -> None:
    """Ask and follow. Nothing is asked where the cursor has left the record before its card came."""
    card = await host.ask(ShowRecord(strategy.id, record.id))
    if refused := _why_unusable(card):
        host.show_message(say("Record {id} cannot be used: {text}", id=record.id, text=refused), failed=True)
    if refused or not isinstance(card, Done):
        return
    if not still_chosen():
        host.show_message(say("The cursor has left record {id}: press u again.", id=record.id))
        return
    answer = await _answer(host, strategy, record, card.value)
    if not answer:
        return
    proposal = card.value.proposal
    schedule = proposal.schedule if proposal is not None and answer != "k" else None
    reply = await host.ask(RunStrategy(strategy.id, record.id, strategy.name, schedule))
    if isinstance(reply, Done):
        host.show_message(
            say("{name}, record {id}, is in use. Press 3 and r to make a plan.", name=strategy.name, id=record.id)
        )
    else:
        host.show_message(say("The strategy was not changed: {text}", text=reply.text), failed=True)


async def _answer(host: PaneHost, strategy: Strategy, record: Record, card: RecordCard) -> bool | str:
    """Empty or False for no; "k" for the record without its schedule."""
    question: Callable[[Snapshot], Question[Any]] = partial(follow_question, strategy, record, card)
    snapshot = host.snapshot
    return snapshot is not None and await host.push_screen_wait(kept_current(question, snapshot))


def _why_unusable(card: Reply[RecordCard]) -> str:
    """Why a record cannot be followed: without its parameters its stops would not be known."""
    if not isinstance(card, Done):
        return card.text
    return card.value.parameters.reason if isinstance(card.value.parameters, Unknown) else ""


def follow_question(strategy: Strategy, record: Record, card: RecordCard, snapshot: Snapshot) -> Question[Any]:
    """What following this record would change. The answer "k" keeps the schedule that is in use."""
    old = snapshot.followed
    replaced = say("nothing: none is in use yet")
    if old is not None:
        replaced = say(
            "{strategy_name}, record {history_id}",
            strategy_name=old.strategy_name or say("strategy {strategy_id}", strategy_id=old.strategy_id),
            history_id=old.history_id,
        )
    size: Fact
    if isinstance(card.selection, Unknown):
        size = (say("List today"), say("none: {reason}", reason=card.selection.reason), Tone.WARN)
    else:
        listed = card.selection.value
        size = (
            say("List today"),
            say("{bonds}, {dated}", bonds=fmt.plural(len(listed.bonds), "bond"), dated=listed.dated),
            Tone.TEXT,
        )
    rows: list[Fact] = [
        (say("Strategy"), strategy.name, Tone.STRONG),
        (
            say("Record"),
            say("{id}, return {strategy_return}", id=record.id, strategy_return=fmt.ratio(record.strategy_return)),
            Tone.TEXT,
        ),
        size,
        (say("Replaces"), replaced, Tone.TEXT),
        (say("Rule"), fmt.rule_text(card.rule), Tone.TEXT),
        (say("Record's stops"), _stops(card), Tone.TEXT),
        *_changes(card, snapshot),
    ]
    title, asked = say("Use this record"), say("Follow it from the next rebalance on? Nothing is sent now.")
    if card.proposal is None:
        return Confirm(title, rows, asked, say("Yes, use it"))
    answers = [
        ("y", say("Yes, and change the schedule: {schedule}", schedule=card.proposal.text)),
        ("k", say("Yes, and keep my schedule: {schedule}", schedule=card.proposal.in_use)),
    ]
    return ChoiceDialog(title, rows, asked, answers, calm=True)


def _stops(card: RecordCard) -> str:
    """The record's own; the settings decide whether they are used."""
    loss, profit = (text if tone is Tone.TEXT else fmt.NOT_KNOWN for _, text, tone in fmt.stop_rows(card.rule))
    return say("stop-loss {loss}, take-profit {profit}", loss=loss, profit=profit)


def _changes(card: RecordCard, snapshot: Snapshot) -> list[Fact]:
    """What a rebalance to this list would change of what the strategy owns, as things stand."""
    if isinstance(card.selection, Unknown) or not isinstance(snapshot.positions, Known):
        return []
    selection = card.selection.value
    if not selection.rows:
        return []  # whether it means to sell is decided by the plan
    kept, mine = set(card.buy.kept(selection.codes)), ours(snapshot)
    leaving = [row for row in mine if row.code not in kept and selection.skips(row.code) is None]
    staying = len(mine) - len(leaving)
    first, owned = set(card.buy.first(selection.codes)), {row.code for row in mine}
    joining = [bond for bond in card.listed if bond.code in first - owned]
    joining = joining[: max(len(joining) - len((kept - first) & owned), 0)]
    worth = sum((row.last * row.ours for row in leaving if row.last is not None), Decimal(0))
    blocked = sum(bool(bond.blocked) for bond in joining)
    sells = say("{bonds}, about {amount} CNY", bonds=fmt.plural(len(leaving), "bond"), amount=fmt.money(worth))
    buys = fmt.plural(len(joining), "bond")
    if blocked:
        buys = say("{bonds}, {blocked} of them cannot trade now", bonds=buys, blocked=blocked)
    return [
        (say("Would sell"), sells, Tone.SELL if leaving else Tone.DIM),
        (say("Would buy"), buys, Tone.BUY if joining else Tone.DIM),
        (say("Would keep"), fmt.plural(staying, "bond"), Tone.TEXT),
    ]
