"""What a user does with one holding: adopt it, release it, sell it. Each asks first."""

from functools import partial

from core.i18n import mark, say
from core.model.command import Adopt, Done, Release, SellOne
from core.model.known import Known, Maybe, Unknown
from core.model.snapshot import Adoption, AdoptionBasis, AdoptionLevels, PositionRow, Snapshot
from tui import format as fmt
from tui.screens.dialogs import ChoiceDialog, Confirm, Fact, kept_current, mode_and_account
from tui.screens.holding_text import holding_of
from tui.screens.live_consent import live_orders_allowed
from tui.screens.pane import PaneHost
from tui.widgets.theme import Tone


async def adopt(host: PaneHost, row: PositionRow, snapshot: Snapshot) -> None:
    """Put all of it under management, at its cost or at today's price; a level that is crossed already asks again."""
    answer = await host.push_screen_wait(kept_current(partial(_adoption, row), snapshot))
    if not answer:
        return
    row = row_now(row, host.snapshot or snapshot)
    basis: AdoptionBasis = "cost" if answer == "y" else "last"
    levels = row.adoption.on(basis) if row.adoption else None
    through = levels.value.through if isinstance(levels, Known) else ""
    if through and not await host.push_screen_wait(_sold_at_once(row, snapshot, through)):
        return
    done = mark("{bond}: {volume} 张 taken into the strategy's management.")
    await _send(host, row, Adopt(row.code, basis, bool(through)), done, mark("{bond} was not adopted: {reason}"))


def row_now(row: PositionRow, snapshot: Snapshot) -> PositionRow:
    """This holding as the snapshot has it; as it was where it is not held any more, or not known."""
    return holding_of(row.code, snapshot) or row


def _adoption(row: PositionRow, snapshot: Snapshot) -> ChoiceDialog:
    row = row_now(row, snapshot)
    volume, adoption = row.volume - row.ours, row.adoption
    answers = [("y", say("Yes, adopt it")), *_at_todays_price(adoption)]
    return ChoiceDialog(
        say("Adopt this holding"),
        [
            *_who(row, snapshot),
            (say("Yours now"), say("{volume} 张, worth {amount} CNY", **_worth(row, volume)), Tone.STRONG),
            *(_level_rows(say("At its cost"), Known(adoption.at_cost)) if adoption else ()),
            *(_level_rows(say("At today's"), adoption.at_last) if adoption else ()),
            (say("Then"), say("the strategy's: stops guard it, a rebalance may sell it"), Tone.WARN),
        ],
        say("Take these {volume} 张 into the strategy's management?", volume=fmt.volume(volume)),
        answers,
        calm=True,
    )


def _at_todays_price(adoption: Adoption | None) -> list[tuple[str, str]]:
    if adoption is None or isinstance(adoption.at_last, Unknown):
        return []
    price = fmt.price(adoption.at_last.value.price)
    return [("t", say("Yes, and measure its stops from today's price, {price}", price=price))]


def _level_rows(title: str, found: Maybe[AdoptionLevels]) -> list[Fact]:
    if isinstance(found, Unknown):
        return [(title, found.reason, Tone.DIM)]
    levels = found.value
    told = say(
        "{price}: stop-loss {loss}, take-profit {profit}",
        price=fmt.price(levels.price),
        loss=fmt.price(levels.loss),
        profit=fmt.price(levels.profit),
    )
    rows: list[Fact] = [(title, told, Tone.TEXT)]
    return rows + [("", text, Tone.WARN) for text in (levels.note, levels.through) if text]


def _sold_at_once(row: PositionRow, snapshot: Snapshot, through: str) -> Confirm:
    return Confirm(
        say("Adopt this holding"),
        [*_who(row, snapshot), (say("Stops"), through, Tone.BAD)],
        say("Adopt it all the same?"),
        say("Yes, it may be sold at once"),
        danger=True,
    )


async def release(host: PaneHost, row: PositionRow, snapshot: Snapshot) -> None:
    """Take it out of management."""
    if await host.push_screen_wait(kept_current(partial(_release, row), snapshot)):
        done = mark("{bond}: {volume} 张 are your own now.")
        await _send(host, row, Release(row.code), done, mark("{bond} was not released: {reason}"))


def _release(row: PositionRow, snapshot: Snapshot) -> Confirm:
    row = row_now(row, snapshot)
    return Confirm(
        say("Release this holding"),
        [
            *_who(row, snapshot),
            (say("Ours now"), say("{volume} 张, worth {amount} CNY", **_worth(row, row.ours)), Tone.STRONG),
            (say("Then"), say("your own: no stop guards it, and rotor never sells it"), Tone.WARN),
        ],
        say("Take these {volume} 张 out of management?", volume=fmt.volume(row.ours)),
        say("Yes, release it"),
    )


async def _send(host: PaneHost, row: PositionRow, command: Adopt | Release, done: str, undone: str) -> None:
    reply = await host.ask(command)
    if isinstance(reply, Done):
        host.show_message(say(done, bond=_bond(row), volume=fmt.volume(reply.value)))
    else:
        host.show_message(say(undone, bond=_bond(row), reason=reply.text), failed=True)


async def sell(host: PaneHost, row: PositionRow, snapshot: Snapshot) -> None:
    """Sell all that is ours of it, now."""
    if not await live_orders_allowed(host, snapshot):
        return
    if not await host.push_screen_wait(kept_current(partial(_sale, row), host.snapshot or snapshot)):
        return
    reply = await host.ask(SellOne(row.code))
    if not isinstance(reply, Done):
        host.show_message(say("{bond} was not sold: {reason}", bond=_bond(row), reason=reply.text), failed=True)
        return
    filled = sum(leg.filled_volume for leg in reply.value.legs)
    wanted = sum(leg.volume for leg in reply.value.legs)
    figures = {"bond": _bond(row), "filled": fmt.volume(filled), "wanted": fmt.volume(wanted)}
    host.show_message(say("{bond}: {filled} of {wanted} 张 were sold.", **figures), failed=filled < wanted)


def _sale(row: PositionRow, snapshot: Snapshot) -> Confirm:
    row = row_now(row, snapshot)
    live = snapshot.mode == "live"
    yours = row.volume - row.ours
    through = say("through the best bid, inside the day's limits; last {price}", price=fmt.price(row.last))
    rows: list[Fact] = [
        *_who(row, snapshot),
        (say("Sells"), say("{volume} 张, about {amount} CNY", **_worth(row, row.ours)), Tone.STRONG),
        (say("Price"), through, Tone.TEXT),
        (say("P/L"), f"{fmt.cny(fmt.signed_money(row.our_profit))}  {fmt.ratio(row.profit_ratio)}", Tone.TEXT),
        (say("Then"), say("it is not bought again before tomorrow"), Tone.TEXT),
    ]
    if yours:
        rows.append((say("Yours"), say("{volume} 张 stay untouched", volume=fmt.volume(yours)), Tone.TEXT))
    money = say("real money") if live else say("no real money")
    return Confirm(
        say("Sell this holding"), rows, say("Sell it now ({money})?", money=money), say("Yes, sell it"), danger=live
    )


def _who(row: PositionRow, snapshot: Snapshot) -> list[Fact]:
    return [*mode_and_account(snapshot), (say("Bond"), _bond(row), Tone.STRONG)]


def _bond(row: PositionRow) -> str:
    return f"{row.code} {row.name}"


def _worth(row: PositionRow, volume: int) -> dict[str, str]:
    return {"volume": fmt.volume(volume), "amount": fmt.money(None if row.last is None else row.last * volume)}
