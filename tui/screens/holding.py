"""What can be done with one holding: adopt it, release it, sell what is ours of it. Each asks first."""

from decimal import Decimal

from core.i18n import say
from core.model.command import Adopt, Done, Release, SellOne
from core.model.snapshot import PositionRow, Snapshot
from tui import format as fmt
from tui.screens.dialogs import Confirm, Fact
from tui.screens.live_consent import permitted
from tui.screens.pane import Host
from tui.widgets.theme import Tone


async def adopt(host: Host, row: PositionRow, snapshot: Snapshot) -> None:
    """Put all of it under management."""
    yours = row.volume - row.ours
    asked = Confirm(
        say("Adopt this holding"),
        [
            *_who(row, snapshot),
            (say("Yours now"), say("{volume} 张, worth {amount} CNY", **_worth(row, yours)), Tone.STRONG),
            (say("Then"), say("the strategy's: stops guard it, a rebalance may sell it"), Tone.WARN),
        ],
        say("Put these {volume} 张 under the strategy's management?", volume=fmt.volume(yours)),
        say("Yes, adopt it"),
    )
    if not await host.push_screen_wait(asked):
        return
    reply = await host.ask(Adopt(row.code))
    if isinstance(reply, Done):
        host.tell(say("{bond}: {volume} 张 more are the strategy's.", bond=_bond(row), volume=fmt.volume(reply.value)))
    else:
        host.tell(say("{bond} was not adopted: {reason}", bond=_bond(row), reason=reply.text), failed=True)


async def release(host: Host, row: PositionRow, snapshot: Snapshot) -> None:
    """Take it out of management."""
    asked = Confirm(
        say("Release this holding"),
        [
            *_who(row, snapshot),
            (say("Ours now"), say("{volume} 张, worth {amount} CNY", **_worth(row, row.ours)), Tone.STRONG),
            (say("Then"), say("your own: no stop guards it, and nothing here ever sells it"), Tone.WARN),
        ],
        say("Take these {volume} 张 out of management?", volume=fmt.volume(row.ours)),
        say("Yes, release it"),
    )
    if not await host.push_screen_wait(asked):
        return
    reply = await host.ask(Release(row.code))
    if isinstance(reply, Done):
        host.tell(say("{bond}: {volume} 张 are your own now.", bond=_bond(row), volume=fmt.volume(reply.value)))
    else:
        host.tell(say("{bond} was not released: {reason}", bond=_bond(row), reason=reply.text), failed=True)


async def sell(host: Host, row: PositionRow, snapshot: Snapshot) -> None:
    """Sell all that is ours of it, now."""
    if not await permitted(host, snapshot):
        return
    if not await host.push_screen_wait(_sale(row, host.snapshot or snapshot)):
        return
    reply = await host.ask(SellOne(row.code))
    if not isinstance(reply, Done):
        host.tell(say("{bond} was not sold: {reason}", bond=_bond(row), reason=reply.text), failed=True)
        return
    filled = sum(leg.filled_volume for leg in reply.value.legs)
    wanted = sum(leg.volume for leg in reply.value.legs)
    figures = {"bond": _bond(row), "filled": fmt.volume(filled), "wanted": fmt.volume(wanted)}
    host.tell(say("{bond}: {filled} of {wanted} 张 were sold.", **figures), failed=filled < wanted)


def _sale(row: PositionRow, snapshot: Snapshot) -> Confirm:
    live = snapshot.mode == "live"
    yours = row.volume - row.ours
    through = say("through the best bid, inside the day's limits; last {price}", price=fmt.price(row.last))
    rows: list[Fact] = [
        *_who(row, snapshot),
        (say("Sells"), say("{volume} 张, about {amount} CNY", **_worth(row, row.ours)), Tone.STRONG),
        (say("Price"), through, Tone.TEXT),
        (say("P/L"), f"{fmt.signed_money(_profit(row))} CNY  {fmt.ratio(row.profit_ratio)}", Tone.TEXT),
        (say("Then"), say("it is not bought again before tomorrow"), Tone.TEXT),
    ]
    if yours:
        rows.append((say("Yours"), say("{volume} 张 stay as they are", volume=fmt.volume(yours)), Tone.TEXT))
    money = say("real money") if live else say("no real money")
    return Confirm(
        say("Sell this holding"), rows, say("Sell it now ({money})?", money=money), say("Yes, sell it"), danger=live
    )


def _who(row: PositionRow, snapshot: Snapshot) -> list[Fact]:
    return [
        (say("Mode"), snapshot.mode.upper(), Tone.BAD if snapshot.mode == "live" else Tone.STRONG),
        (say("Account"), snapshot.account or say("no account"), Tone.STRONG),
        (say("Bond"), _bond(row), Tone.STRONG),
    ]


def _bond(row: PositionRow) -> str:
    return f"{row.code} {row.name}"


def _worth(row: PositionRow, volume: int) -> dict[str, str]:
    return {"volume": fmt.volume(volume), "amount": fmt.money(None if row.last is None else row.last * volume)}


def _profit(row: PositionRow) -> Decimal | None:
    return None if row.last is None or not row.cost else (row.last - row.cost) * row.ours
