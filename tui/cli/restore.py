"""`rotor restore`: put back the books of a day."""

from datetime import datetime

import click

from core.i18n import say
from core.infra.backups import backup_days, folder_of
from core.infra.home import HomeInUse, HomeLock, HomeUnusable, database_files
from core.model.time import SHANGHAI
from tui.cli.context import FAILED, REFUSED, YES, CliContext, confirm_or_exit, exit_with, pass_existing_folder
from tui.cli.spoken import SpokenCommand


@click.command(
    cls=SpokenCommand,
    epilog="""\b
Examples:
  rotor restore
  rotor restore 2026-05-15

Exit codes: 0 done, 1 no such backup or it cannot be used, 2 the settings are invalid, 3 refused: an engine runs, or the
question was answered with no.""",
)
@click.argument("day", required=False, type=click.DateTime(["%Y-%m-%d"]))
@YES
@pass_existing_folder
def restore(context: CliContext, day: datetime | None, yes: bool) -> None:
    """Put back the books of a day; without DATE, list the backups.

    An engine makes a backup of the books each day, and keeps the newest 14. What was traded after it is not in it: the
    next start reconciles with the account before anything is sent. The replaced books are kept beside.
    """
    from core.engine.backups import restore_books

    home, settings = context.home, context.settings()
    databases = database_files(home, settings)
    days = backup_days(databases)
    if day is None:
        for found in days:
            click.echo(f"{found}")
        if not days:
            text = say("No backups in {folder} yet: an engine makes one each day.", folder=folder_of(databases))
            click.echo(text, err=True)
        return
    if day.date() not in days:
        exit_with(
            FAILED,
            say(
                "There is no backup of {day:%Y-%m-%d} in {folder}. Nothing was changed.",
                day=day,
                folder=folder_of(databases),
            ),
        )
    now = datetime.now(SHANGHAI)
    try:
        with HomeLock(home).acquire(settings.mode, now):
            question = say(
                "Replace the books of {mode} mode by those of {day:%Y-%m-%d}, without any trade since?",
                mode=say(settings.mode),
                day=day,
            )
            confirm_or_exit(yes, question, say("Nothing was changed."))
            replaced = restore_books(home, settings, day.date(), now)
    except HomeInUse as error:
        exit_with(REFUSED, say("Nothing was changed: {why}", why=error))
    except HomeUnusable as error:
        exit_with(FAILED, say("The backup cannot be used: {why}", why=error))
    except OSError as error:
        exit_with(FAILED, say("The books were not replaced: {why}", why=error))
    click.echo(
        say(
            "The books of {day:%Y-%m-%d} are in place; the replaced ones are in {folder}. The next start reconciles "
            "with the account before anything is sent.",
            day=day,
            folder=replaced,
        )
    )
