"""A sender that is killed: `python -m tests.notify.victim FOLDER PORT FIRST COUNT`.

It puts COUNT alerts into FOLDER, prints each number once it is stored, and sends them to the mail server on PORT; with
COUNT 0 it ends when all are sent.
"""

import asyncio
import sys
from datetime import datetime
from pathlib import Path

from core.infra.clock import RealClock
from core.infra.credentials import Credentials
from core.infra.credentials_file import CredentialsFile
from core.model.notification import Notification, NotificationKind
from core.model.settings import EmailSettings
from core.model.snapshot import Level
from core.model.time import SHANGHAI
from core.notify import delivery
from core.notify.channels import MailReceiver
from core.notify.delivery import Delivery
from core.notify.outbox import Outbox

PIECE = "piece {number} of news"


async def tell(folder: Path, port: int, first: int, count: int) -> None:
    outbox = Outbox(folder / "outbox.db")
    email = EmailSettings(host="127.0.0.1", port=port, sender="rotor@example.com", receiver="me@example.com")
    receiver = MailReceiver(email, Credentials(CredentialsFile(folder / "secrets.json"), {}, patience=10.0))
    carrier = Delivery(outbox, [receiver], 100_000, RealClock())
    carrying = asyncio.create_task(carrier.run())
    for number in range(first, first + count):
        now = datetime.now(SHANGHAI)
        news = Notification(NotificationKind.ORDER, Level.ERROR, now, PIECE.format(number=number))
        outbox.announce(f"order:{number}", news, "rotor TEST", "", NotificationKind.ORDER, now)
        print(number, flush=True)  # noqa: T201  (the alerts stored before the kill)
        carrier.wake()
        await asyncio.sleep(0.001)
    while outbox.waiting(receiver.name, receiver.least):  # noqa: ASYNC110  (no event says so)
        await asyncio.sleep(0.01)
    carrying.cancel()


if __name__ == "__main__":
    delivery.GATHER = 0.01
    asyncio.run(tell(Path(sys.argv[1]), *(int(text) for text in sys.argv[2:5])))
