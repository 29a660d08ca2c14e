"""What live mode requires before its first order: typed consent, then the self-test of the account's units."""

from core.i18n import say
from core.model.command import Failed, GiveConsent, RunSelfTest
from core.model.consent import terms
from core.model.snapshot import Need, Snapshot
from core.model.typed_words import AGREE
from tui.screens.dialogs import Confirm, TextDialog, TypedConfirm
from tui.screens.pane import PaneHost
from tui.widgets.theme import Tone, styled


def consent(account: str) -> TypedConfirm:
    """The terms, agreed to by typing it out."""
    return TypedConfirm(
        say("LIVE trading of account {account}", account=account),
        [],
        AGREE,
        to=say("agree"),
        undone=say("nothing was agreed to"),
        body=[styled(("- ", Tone.DIM), line) for line in terms(account)],
    )


async def live_orders_allowed(host: PaneHost, snapshot: Snapshot) -> bool:
    """Ask for what the first live order still requires; returns whether all is done."""
    if Need.CONSENT in snapshot.needs and not await _agree(host, snapshot.account):
        return False
    return Need.SELF_TEST not in snapshot.needs or await _test(host, snapshot.account)


async def _agree(host: PaneHost, account: str) -> bool:
    if not await host.push_screen_wait(consent(account)):
        host.show_message(say("Nothing was sent: you did not agree to live trading."), failed=True)
        return False
    return _done(host, await host.ask(GiveConsent(account)))


async def _test(host: PaneHost, account: str) -> bool:
    question = Confirm(
        say("Self-test"),
        [
            (say("Account"), account, Tone.STRONG),
            (say("Orders"), say("10 张 on each exchange, at the day's lowest price"), Tone.TEXT),
            (say("Read back"), say("the listed volume and the frozen cash"), Tone.TEXT),
            (say("Then"), say("cancelled, and the cancel confirmed"), Tone.TEXT),
        ],
        say("Test the account's units now? Live orders stay blocked until it passes."),
        say("Yes, test"),
        danger=True,
    )
    if not await host.push_screen_wait(question):
        host.show_message(say("Nothing was sent: the self-test has not passed yet."), failed=True)
        return False
    reply = await host.ask(RunSelfTest())
    if not _done(host, reply) or isinstance(reply, Failed):
        return False
    test = reply.value
    if test.passed:
        host.show_message(say("The self-test passed: live orders may be sent."))
        return True
    text = "\n\n".join(
        (*test.lines, say("Live orders stay blocked. Check the orders in MiniQMT before you test again."))
    )
    await host.push_screen_wait(TextDialog(say("The self-test FAILED"), text))
    return False


def _done(host: PaneHost, reply: object) -> bool:
    if isinstance(reply, Failed):
        host.show_message(say("Nothing was sent: {text}", text=reply.text), failed=True)
    return not isinstance(reply, Failed)
