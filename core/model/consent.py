"""The terms of live mode, agreed to once per account, on the command line or on the screen."""

from core.i18n import say


def terms(account: str) -> tuple[str, ...]:
    """One sentence per line."""
    return (
        say(
            "In live mode rotor sends real orders to account {account}: it spends your money and sells your bonds.",
            account=account,
        ),
        say("It follows lists that others make and prices that others publish; both can be wrong."),
        say("It sells only what it bought or what you adopt; the rest of the account is left alone."),
        say("It acts only while it runs: nothing is watched and nothing is sold once it has ended."),
        say("You alone are responsible for every order that it sends."),
    )
