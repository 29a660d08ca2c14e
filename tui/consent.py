"""The words that live mode wants agreed to, once per account, on the command line and on the screen alike."""

AGREED = "I agree"
"""What has to be typed."""


def terms(account: str) -> tuple[str, ...]:
    """One sentence per line."""
    return (
        f"In live mode rotor sends real orders to account {account}: it spends your money and sells your bonds.",
        "It follows lists that others make and prices that others publish; both can be wrong.",
        "It sells only what it bought or what you adopt; the rest of the account is left alone.",
        "It acts only while it runs: nothing is watched and nothing is sold once it has ended.",
        "You alone are responsible for every order that it sends.",
    )
