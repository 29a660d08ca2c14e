"""What live mode asks for once per account before its first order: consent in words, and a self-test of its units."""

import json
from collections.abc import Callable
from datetime import datetime

from core.i18n import say
from core.model.command import SelfTest
from core.model.order import Intent
from core.model.snapshot import Need
from core.trading.state_store import Memory

_CONSENT, _SELF_TEST = "consent", "self_test"


class Permits:
    """`memory` is that of the account's own books. `waived`: whether the settings do without the self-test."""

    def __init__(self, memory: Memory, account: str, *, waived: bool) -> None:
        self._memory = memory
        self._account = account
        self._waived = waived
        self.testing: str | None = None
        """Plan id of the self-test that runs: its orders go out before it has passed."""

    def missing(self) -> tuple[Need, ...]:
        """What is still to be done, in this order."""
        needs = [Need.CONSENT] if self._memory.recall(_CONSENT) != self._account else []
        return (*needs, *(() if self._waived or self._passed() else (Need.SELF_TEST,)))

    def why_not(self, intent: Intent | None = None) -> str | None:
        """Why no order may be sent to this account (or not this one), None when it may."""
        missing = self.missing()
        if Need.CONSENT in missing:
            return say(
                "live trading of account {account} has not been agreed to yet: rotor consent {account}",
                account=self._account,
            )
        if missing and (intent is None or intent.plan_id != self.testing):
            return say(
                "the self-test of account {account} has not passed yet: rotor self-test, or "
                'guards.self_test = "waived"',
                account=self._account,
            )
        return None

    def test_begun(self, plan_id: str) -> None:
        """The self-test with this plan id runs."""
        self.testing = plan_id

    def consent(self) -> None:
        """The user has agreed, in words, to live orders in this account."""
        self._memory.keep(_CONSENT, self._account)

    def record(self, test: SelfTest) -> None:
        """A self-test has ended; a later one that fails takes an earlier pass away."""
        told = {"passed": test.passed, "at": test.at.isoformat(), "lines": list(test.lines)}
        self._memory.keep(_SELF_TEST, json.dumps(told, ensure_ascii=False))

    def last_test(self) -> SelfTest | None:
        """The newest self-test of this account."""
        told = self._memory.recall(_SELF_TEST)
        if told is None:
            return None
        found = json.loads(told)
        return SelfTest(found["passed"], datetime.fromisoformat(found["at"]), tuple(found["lines"]))

    def _passed(self) -> bool:
        test = self.last_test()
        return test is not None and test.passed


Permitted = Callable[[Intent | None], str | None]


def always(intent: Intent | None = None) -> str | None:
    """Practice money needs no permit."""
    return None
