"""The report of a span of days, and the payments into the account and out of it."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import click

from core.engine.reports import read_report
from core.i18n import say
from core.infra.home import HomeUnusable, database_files
from core.model.command import EnterFlow, RemoveFlow
from core.model.report import CashFlow, Report
from core.model.time import SHANGHAI
from tui.cli.context import AS_JSON, FAILED, CliContext, exit_with, pass_existing_folder
from tui.cli.output import padded, plain, show
from tui.cli.spoken import Group, SpokenCommand

_DAY = click.DateTime(["%Y-%m-%d"])
_AT = click.option(
    "--at", type=click.DateTime(["%Y-%m-%d %H:%M"]), help='When, such as "2026-05-15 10:30"; default: now.'
)
_SECONDS = 60.0


class _Amount(click.ParamType):
    """CNY above zero."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:  # noqa: ANN401
        try:
            amount = Decimal(str(value).replace(",", ""))
        except InvalidOperation:
            self.fail(say("{value!r} is no amount in CNY", value=value), param, ctx)
        if not amount.is_finite() or amount <= 0:
            self.fail(say("{value!r} is not above zero", value=value), param, ctx)
        return amount


@click.command(cls=SpokenCommand, epilog="Example: rotor report --from 2026-05-01 --json")
@click.option("--from", "first", type=_DAY, help="First day; default: the beginning.")
@click.option("--to", "last", type=_DAY, help="Last day; default: the newest.")
@AS_JSON
@click.pass_obj
def report(context: CliContext, first: datetime | None, last: datetime | None, as_json: bool) -> None:
    """What the account has gained or lost since its opening capital, without what was paid in or out."""
    settings = context.settings()
    span = first.date() if first else None, last.date() if last else date.max
    path, account = database_files(context.home, settings)[0], settings.qmt.account if settings.mode == "live" else ""
    try:
        found = read_report(path, settings.mode, account, {}, *span, datetime.now(SHANGHAI))
    except FileNotFoundError:
        exit_with(FAILED, say("{folder} holds no data yet: nothing was traded in it", folder=context.home.path))
    except (HomeUnusable, ValueError) as error:
        exit_with(FAILED, str(error))
    show(report_document(found), as_json, lambda _: click.echo("\n".join(report_lines(found))))


@click.group(
    cls=Group, invoke_without_command=True, epilog='Example: rotor flows deposit 50000 --at "2026-05-15 10:30"'
)
@click.pass_context
def flows(context: click.Context) -> None:
    """List what was paid into the account and out of it; record a payment, or take one back."""
    if context.invoked_subcommand is None:
        context.invoke(report)


@flows.command(epilog="Example: rotor flows deposit 50000")
@click.argument("amount", type=_Amount())
@_AT
@pass_existing_folder
def deposit(context: CliContext, amount: Decimal, at: datetime | None) -> None:
    """Record money paid into the account that rotor has not seen by itself."""
    _enter(context, amount, at)


@flows.command(epilog="Example: rotor flows withdrawal 20000")
@click.argument("amount", type=_Amount())
@_AT
@pass_existing_folder
def withdrawal(context: CliContext, amount: Decimal, at: datetime | None) -> None:
    """Record money paid out of the account that rotor has not seen by itself."""
    _enter(context, -amount, at)


@flows.command(epilog="Example: rotor flows remove 3")
@click.argument("number", type=int)
@pass_existing_folder
def remove(context: CliContext, number: int) -> None:
    """Take back a payment that was none, such as a coupon: it counts as gain or loss then."""
    click.echo(say("removed: {flow}", flow=_line(context.ask(RemoveFlow(number), _SECONDS))))


def _enter(context: CliContext, amount: Decimal, at: datetime | None) -> None:
    moment = None if at is None else at.replace(tzinfo=SHANGHAI)
    click.echo(say("recorded: {flow}", flow=_line(context.ask(EnterFlow(amount, moment), _SECONDS))))


def report_document(found: Report) -> dict[str, Any]:
    """The report's sums, payments and equity; money as decimal text, ratios plain."""
    sums, line = found.totals, found.equity
    return {
        "mode": found.mode,
        "from": line[0].at.isoformat() if line else None,
        "to": line[-1].at.isoformat() if line else None,
        "opening": plain(line[0].value) if line else None,
        "closing": plain(line[-1].value) if line else None,
        "paid_in": plain(sum((flow.amount for flow in found.flows), Decimal(0))),
        "change": plain(sums.change),
        "return": sums.change_ratio,
        "max_drawdown": sums.max_drawdown,
        "realised": plain(sums.realised),
        "fees": plain(sums.fees),
        "turnover": plain(sums.turnover),
        "flows": [
            {"number": row.number, "at": row.at.isoformat(), "amount": plain(row.amount), "entered": row.entered}
            for row in found.flows
        ],
        "equity": [
            {
                "at": row.at.isoformat(),
                "total": plain(row.value),
                "paid_in": plain(row.paid),
                "growth": row.growth,
                "drawdown": row.drawdown,
            }
            for row in line
        ],
    }


def report_lines(found: Report) -> list[str]:
    sums, line = found.totals, found.equity
    if not line:
        return [say("The account's equity was not recorded in this period.")]
    cny = say("CNY")
    rows = (
        (say("opening capital"), f"{line[0].value:>16,.2f} {cny}"),
        (say("equity now"), f"{line[-1].value:>16,.2f} {cny}"),
        (say("change"), f"{_signed(sums.change)} {cny}  {_percent(sums.change_ratio, '+')}"),
        (say("max. drawdown"), f"{_percent(sums.max_drawdown, ''):>16}"),
        (say("realised"), f"{_signed(sums.realised)} {cny}"),
        (say("fees"), f"{sums.fees:>16,.2f} {cny}"),
        (say("turnover"), f"{sums.turnover:>16,.2f} {cny}"),
    )
    lines = [
        say(
            "{mode}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}",
            mode=say(found.mode),
            first=line[0].at,
            last=line[-1].at,
        ),
        *(f"{padded(title, 16)} {figure}" for title, figure in rows),
    ]
    if found.flows:
        text = say("Paid in and out; neither is a gain or a loss, and change and drawdown do not count them:")
        lines += ["", text]
        lines += [_line(flow) for flow in found.flows]
        lines.append(say("A coupon or another payment that is a gain: rotor flows remove NUMBER."))
    return lines


def _line(flow: CashFlow) -> str:
    how = say("entered") if flow.entered else say("seen in the account's cash")
    return f"{flow.number:>4}  {flow.at:%Y-%m-%d %H:%M}  {flow.amount:>+16,.2f} {say('CNY')}  {how}"


def _signed(amount: Decimal | None) -> str:
    return f"{say('not known'):>16}" if amount is None else f"{amount:>+16,.2f}"


def _percent(ratio: float | None, sign: str) -> str:
    return say("not known") if ratio is None else f"{ratio:{sign}.2%}"
