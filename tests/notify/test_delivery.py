"""Delivery: alerts are combined, limited per hour and retried, and no receiver waits for an unresponsive server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.infra.clock import RealClock, SteppedClock
from core.infra.credentials import Credentials
from core.infra.credentials_file import CredentialsFile
from core.model.notification import Notification, NotificationKind
from core.model.snapshot import Level
from core.model.time import SHANGHAI
from core.notify import channels as mail
from core.notify import delivery
from core.notify.channels import MailReceiver, Message, NotSent, Receiver
from core.notify.delivery import Delivery, pause_after
from core.notify.outbox import Outbox
from tests.notify.smtp import email_at, smtp_server
from tests.waiting import until

NOW = datetime(2026, 5, 6, 14, 50, tzinfo=SHANGHAI)


class Box:
    """A receiver that keeps its messages; while `fault` is set it raises that instead."""

    def __init__(self, name: str = "box", least: Level = Level.INFO) -> None:
        self.name, self.least = name, least
        self.got: list[Message] = []
        self.tried: list[Message] = []
        self.fault: str | None = None

    def send(self, message: Message) -> None:
        self.tried.append(message)
        if self.fault is not None:
            raise NotSent(self.fault)
        self.got.append(message)


def put(outbox: Outbox, key: str, level: Level = Level.WARNING) -> None:
    outbox.announce(
        key,
        Notification(NotificationKind.ORDER, level, NOW, f"about {key}"),
        "rotor TEST",
        "",
        NotificationKind.ORDER,
        NOW,
    )


@asynccontextmanager
async def carrying(
    outbox: Outbox, *receivers: Receiver, per_hour: int = 20, clock: SteppedClock | RealClock | None = None
) -> AsyncGenerator[Delivery]:
    carrier = Delivery(outbox, receivers, per_hour, clock or SteppedClock(NOW))
    task = asyncio.create_task(carrier.run())
    await asyncio.sleep(0)
    yield carrier
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db")


async def test_simultaneous_alerts_are_sent_in_one_message(outbox: Outbox) -> None:
    box = Box()
    async with carrying(outbox, box) as carrier:
        put(outbox, "a")
        put(outbox, "b", Level.ERROR)
        put(outbox, "c")
        carrier.wake()
        await until(lambda: box.got)
    (message,) = box.got
    assert message.level is Level.ERROR
    assert message.subject == "rotor TEST: about b (and 2 more)"  # the most serious alert is in the subject
    assert message.text.splitlines() == [
        "rotor TEST",
        "",
        "  14:50:00  about a",
        "! 14:50:00  about b",
        "  14:50:00  about c",
    ]


async def test_each_receiver_gets_alerts_of_its_level(outbox: Outbox) -> None:
    mail_box, phone = Box("mail"), Box("phone", Level.ERROR)
    async with carrying(outbox, mail_box, phone) as carrier:
        put(outbox, "a", Level.INFO)
        carrier.wake()
        await until(lambda: mail_box.got)
        put(outbox, "b", Level.ERROR)
        carrier.wake()
        await until(lambda: len(mail_box.got) == 2 and phone.got)
    assert [message.text.count("about") for message in phone.got] == [1]


async def test_a_failed_message_is_retried_with_growing_pauses_and_the_same_id(outbox: Outbox) -> None:
    box, clock = Box(), SteppedClock(NOW)
    box.fault = "it is away"
    async with carrying(outbox, box, clock=clock) as carrier:
        put(outbox, "a")
        carrier.wake()
        await until(lambda: len(box.tried) >= 4)
        level, text = carrier.health() or (None, "")
        assert level is Level.WARNING
        assert "it is away" in text
        put(outbox, "b")  # while it is away
        box.fault = None
        await until(lambda: len(box.got) == 2)
        failures = len(box.tried) - 2
        assert carrier.health() == (Level.GOOD, "ok")
    assert clock.now() - NOW >= timedelta(seconds=30 + 60 + 120)
    # A tried message is sent unchanged, as only its response may have been lost. The rest follows.
    assert len({message.number for message in box.tried[: failures + 1]}) == 1
    assert ["about a" in message.text for message in box.got] == [True, False]


def test_retry_pauses() -> None:
    assert [pause_after(tries) for tries in (1, 2, 3, 7, 50)] == [30, 60, 120, 1800, 1800]


async def test_messages_per_hour_are_limited(outbox: Outbox) -> None:
    box, clock = Box(), SteppedClock(NOW)
    async with carrying(outbox, box, per_hour=2, clock=clock) as carrier:
        for number in range(3):
            put(outbox, f"{number}")
            carrier.wake()
            await until(lambda number=number: len(box.got) > number)
    assert clock.now() - NOW >= timedelta(hours=1)


async def test_errors_have_their_own_hourly_limit(outbox: Outbox) -> None:
    box, clock = Box(), SteppedClock(NOW)
    async with carrying(outbox, box, per_hour=2, clock=clock) as carrier:
        for number in range(3):
            put(outbox, f"{number}", Level.ERROR)
            carrier.wake()
            await until(lambda number=number: len(box.got) > number)
    assert clock.now() - NOW < timedelta(hours=1)


async def test_an_unresponsive_mail_server_delays_no_other_receiver(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "GATHER", 0.01)
    monkeypatch.setattr(delivery, "DEADLINE", 0.3)
    monkeypatch.setattr(mail, "_SECONDS", 2.0)
    phone = Box("phone")
    credentials = Credentials(CredentialsFile(tmp_path / "secrets.json"), {}, patience=10.0)
    with smtp_server() as server:
        server.hangs = True
        receiver = MailReceiver(email_at(server), credentials)
        async with carrying(outbox, receiver, phone, clock=RealClock()) as carrier:
            put(outbox, "a")
            carrier.wake()
            await until(lambda: phone.got)
            await until(lambda: outbox.state("mail").tries)
        assert "did not answer within" in outbox.state("mail").error
        server.hangs = False
        # The next start still has what the unresponsive server did not get.
        later = Outbox(tmp_path / "outbox.db")
        later.mark_delivered("phone", 10, NOW)
        monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.01)
        later.mark_failed("mail", "as before", datetime.now(SHANGHAI), datetime.now(SHANGHAI))
        async with carrying(later, receiver, clock=RealClock()):
            await until(lambda: server.mails)
    assert set(server.subjects()) == {"rotor TEST: about a"}


async def test_a_lost_smtp_response_resends_the_same_mail(
    outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "GATHER", 0.01)
    monkeypatch.setattr(delivery, "_FIRST_PAUSE", 0.01)
    credentials = Credentials(CredentialsFile(tmp_path / "secrets.json"), {}, patience=10.0)
    with smtp_server() as server:
        server.forgets = 1
        async with carrying(outbox, MailReceiver(email_at(server), credentials), clock=RealClock()) as carrier:
            put(outbox, "a")
            carrier.wake()
            await until(lambda: len(server.mails) == 2)
            await until(lambda: not outbox.waiting("mail", Level.INFO))
    first, second = ([line for line in mail.splitlines() if line.startswith("Message-ID")] for mail in server.mails)
    assert first == second


async def test_the_last_alerts_are_sent_at_exit(outbox: Outbox) -> None:
    box, away = Box(), Box("away")
    carrier = Delivery(outbox, [box, away], 20, SteppedClock(NOW))
    outbox.mark_failed("away", "it is away", NOW, NOW)
    put(outbox, "a")
    await carrier.flush(1.0)
    assert len(box.got) == 1
    assert away.tried == []  # the exit does not wait for a receiver that was unreachable before
