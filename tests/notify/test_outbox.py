"""The outbox: each receiver's own position, remembered alerts, and no loss on a SIGKILL at any moment."""

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from core.i18n import say, use_language
from core.model.notification import Notification, NotificationKind
from core.model.snapshot import Level
from core.model.time import SHANGHAI
from core.notify.outbox import Outbox, failing_receivers
from tests.notify.smtp import smtp_server

NOW = datetime(2026, 5, 6, 14, 50, tzinfo=SHANGHAI)
ROOT = Path(__file__).parents[2]


def put(outbox: Outbox, key: str, level: Level = Level.ERROR, over: str = "") -> None:
    outbox.announce(
        key,
        Notification(NotificationKind.ORDER, level, NOW, f"about {key}"),
        "rotor TEST",
        over,
        NotificationKind.ORDER,
        NOW,
    )


def texts(outbox: Outbox, name: str, least: Level = Level.INFO) -> list[str]:
    return [one.news.text for one in outbox.waiting(name, least)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


def test_each_receiver_has_its_own_queue_position(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail", "push"])
    put(outbox, "a")
    put(outbox, "b")
    outbox.mark_delivered("mail", outbox.waiting("mail", Level.INFO)[0].number, NOW)
    again = Outbox(path)
    assert texts(again, "mail") == ["about b"]
    assert texts(again, "push") == ["about a", "about b"]


def test_what_waited_during_a_switch_is_sent_in_the_language_in_use(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail"])
    news = Notification(NotificationKind.BOND, Level.ERROR, NOW, "the bond is suspended\n113052.SH")
    outbox.announce("a", news, "rotor TEST", "", NotificationKind.BOND, NOW)
    use_language("zh")
    try:
        assert texts(Outbox(path), "mail") == [f"{say('the bond is suspended')}\n113052.SH"]
    finally:
        use_language("en")
    assert texts(Outbox(path), "mail") == [news.text]


@contextmanager
def locked(path: Path) -> Generator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


def test_what_the_disk_refuses_is_sent_from_memory_and_written_when_it_is_back(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail", "push"])
    put(outbox, "a")
    with locked(path):
        put(outbox, "b")
        outbox.mark_delivered("mail", outbox.waiting("mail", Level.INFO)[0].number, NOW)
        assert texts(outbox, "mail") == ["about b"]
        put(outbox, "c")
    put(outbox, "d")
    again = Outbox(path)
    assert texts(again, "mail") == ["about b", "about c", "about d"]
    assert texts(again, "push") == ["about a", "about b", "about c", "about d"]
    assert set(again.announced) == {"a", "b", "c", "d"}


def test_an_outbox_that_cannot_be_opened_is_kept_in_memory_and_loses_nothing(path: Path) -> None:
    before = Outbox(path)
    before.set_receivers(["mail"])
    put(before, "a")
    with locked(path):
        outbox = Outbox(path)
        outbox.set_receivers(["mail"])
        put(outbox, "b")
        assert texts(outbox, "mail") == ["about a", "about b"]
    outbox.close()
    assert texts(Outbox(path), "mail") == ["about a", "about b"]


def test_a_new_receiver_gets_only_new_alerts(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail"])
    put(outbox, "a")
    outbox.set_receivers(["mail", "push"])
    put(outbox, "b")
    assert texts(outbox, "push") == ["about b"]
    outbox.set_receivers(["push"])  # a receiver removed from the settings delays nothing
    assert texts(outbox, "push") == ["about b"]


def test_a_receiver_with_an_unreadable_address_loses_no_alert(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail", "push"])
    put(outbox, "a")
    outbox.set_receivers(["mail"], complete=False)  # the keyring is locked at this start
    put(outbox, "b")
    outbox.mark_delivered("mail", 2, NOW)
    outbox.set_receivers(["mail", "push"])
    assert texts(outbox, "push") == ["about a", "about b"]


def test_ids_keep_growing_after_delivered_alerts_are_deleted(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail"])
    for key in "abc":
        put(outbox, key)
        (one,) = outbox.waiting("mail", Level.INFO)
        outbox.mark_delivered("mail", one.number, NOW)
    assert one.number == 3
    assert texts(Outbox(path), "mail") == []


def test_levels(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail"])
    for level in (Level.INFO, Level.WARNING, Level.ERROR):
        put(outbox, str(level), level)
    assert texts(outbox, "mail", Level.WARNING) == ["about warning", "about error"]
    assert Level.INFO.severity < Level.WARNING.severity


def test_alerts_without_a_receiver_are_not_stored(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["phone"])
    for number in range(5):
        put(outbox, f"{number}", Level.INFO)
    assert outbox.waiting("phone", Level.ERROR) == ()
    outbox.skip_to_newest("phone")
    put(outbox, "grave", Level.ERROR)
    assert texts(outbox, "phone") == ["about grave"]
    outbox.mark_delivered("phone", 6, NOW)
    outbox.skip_to_newest("phone")
    assert texts(outbox, "phone") == []


def test_a_reported_condition_stays_reported_until_it_ends_or_expires(path: Path) -> None:
    outbox = Outbox(path)
    put(outbox, "once")
    put(outbox, "while", over="over")
    assert set(Outbox(path).announced) == {"once", "while"}
    outbox.forget_old(NOW + timedelta(days=8))
    assert set(Outbox(path).announced) == {"while"}
    outbox.end("while", None, "rotor TEST")
    assert set(Outbox(path).announced) == set()


def test_a_message_that_nobody_took_is_dropped_in_time_and_a_younger_one_is_not(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["phone"])
    put(outbox, "first")
    put(outbox, "second")
    assert outbox.drop_unsent(NOW) == 0
    assert texts(outbox, "phone") == ["about first", "about second"]
    assert outbox.drop_unsent(NOW + timedelta(seconds=1)) == 1
    put(outbox, "third")
    assert texts(outbox, "phone") == ["about second", "about third"]


def test_a_delivery_failure_is_stored_with_its_reason_and_start(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail"])
    outbox.mark_failed("mail", "no answer", NOW + timedelta(seconds=30), NOW)
    outbox.mark_failed("mail", "no answer", NOW + timedelta(seconds=90), NOW + timedelta(seconds=30))
    standing = Outbox(path).state("mail")
    assert (standing.tries, standing.since, standing.error) == (2, NOW, "no answer")
    assert failing_receivers(path) == (("mail", "no answer"),)
    outbox.mark_delivered("mail", 0, NOW)
    assert failing_receivers(path) == ()


def test_a_damaged_outbox_is_moved_aside(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path.write_bytes(b"this is no database, and long enough to be taken for one" * 20)
    outbox = Outbox(path)
    outbox.set_receivers(["mail"])
    put(outbox, "a")
    assert texts(outbox, "mail") == ["about a"]
    assert path.with_suffix(".damaged").exists()
    assert "begin anew" in caplog.text


def start(folder: Path, port: int, first: int, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.notify.victim", str(folder), str(port), str(first), str(count)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a POSIX signal")
def test_sigkill_loses_no_queued_alert(tmp_path: Path) -> None:
    chance, told = random.Random(7), set[int]()
    with smtp_server() as server:
        for first in range(0, 4_000_000, 1_000_000):
            program = start(tmp_path, server.port, first, 1_000_000)
            assert program.stdout is not None
            head = program.stdout.readline()  # it has begun
            time.sleep(chance.uniform(0.02, 0.3))
            program.send_signal(signal.SIGKILL)
            told |= {int(line) for line in (head + program.stdout.read()).split("\n") if line.strip()}
            program.stdout.close()
            program.wait(10)
        last = start(tmp_path, server.port, 0, 0)
        assert last.wait(30) == 0
        assert last.stdout is not None
        last.stdout.close()
    arrived = Counter(int(number) for text in server.texts() for number in re.findall(r"piece (\d+) of news", text))
    assert told - set(arrived) == set()
    assert len(told) > 40
    # Alerts received twice were in mails with the same id.
    numbers = [re.findall(r"Message-ID: <(.*)>", mail)[0] for mail in server.mails]
    first_of = dict(zip(numbers, server.texts(), strict=True))
    once = Counter(int(number) for text in first_of.values() for number in re.findall(r"piece (\d+) of news", text))
    assert sum(once.values()) - len(once) <= 4 * 200  # at most what one batch held at each kill


def test_each_of_several_mail_addresses_gets_what_waited_for_the_one(path: Path) -> None:
    outbox = Outbox(path)
    outbox.set_receivers(["mail", "push"])
    put(outbox, "a")
    outbox.mark_delivered("push", 1, NOW)
    outbox.set_receivers(["mail a@x.cn", "mail b@x.cn", "push"])
    assert texts(outbox, "mail a@x.cn") == texts(outbox, "mail b@x.cn") == ["about a"]
    assert texts(outbox, "push") == []
    outbox.set_receivers(["mail a@x.cn", "mail b@x.cn", "mail c@x.cn", "push"])
    assert texts(outbox, "mail c@x.cn") == [], "an added one replaces none"
    outbox.set_receivers(["mail", "push"])
    assert texts(outbox, "mail") == ["about a"], "one of several that is left gets what waited"
