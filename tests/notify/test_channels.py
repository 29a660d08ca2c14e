"""Receivers: push services by address, with hidden tokens, and the test of every receiver."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from core.infra import credentials_file
from core.infra.credentials import PUSH_ACCOUNT, Credentials
from core.infra.credentials_file import CredentialsFile
from core.model.settings import EmailSettings, NotifySettings, Settings
from core.model.snapshot import Level
from core.notify.channels import (
    Message,
    NotSent,
    PushReceiver,
    problem_with_addresses,
    receivers_of,
    send_test,
)
from tests.notify.smtp import email_at, smtp_server
from tui.cli.main import main

TOKEN = "t0ken-0815"


@contextmanager
def phone(status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A push service on loopback; its address and the messages it received."""
    heard: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"json://me:{TOKEN}@127.0.0.1:{server.server_address[1]}/", heard
    server.shutdown()
    server.server_close()


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Credentials:
    monkeypatch.setattr(credentials_file, "_N", 2**10)
    return Credentials(CredentialsFile(tmp_path / "secrets.json"), {})


def test_a_message_is_pushed_with_its_level() -> None:
    with phone() as (address, heard):
        receiver = PushReceiver(SecretStr(address), Level.WARNING)
        receiver.send(Message("rotor LIVE: 止损", "第一行\nsecond", Level.ERROR, "1"))
    assert [(one["title"], one["message"], one["type"]) for one in heard] == [
        ("rotor LIVE: 止损", "第一行\nsecond", "failure")
    ]
    assert TOKEN not in receiver.name


@pytest.mark.parametrize("gone", [False, True])
def test_a_refusing_push_service_is_reported_without_its_token(gone: bool) -> None:
    with phone(500) as (address, _):
        if not gone:
            receiver = PushReceiver(SecretStr(address), Level.INFO)
            with pytest.raises(NotSent) as failed:
                receiver.send(Message("x", "y", Level.INFO, ""))
    if gone:
        with pytest.raises(NotSent) as failed:
            PushReceiver(SecretStr(address), Level.INFO).send(Message("x", "y", Level.INFO, ""))
    assert "did not accept the message" in str(failed.value)
    assert TOKEN not in str(failed.value)


@pytest.mark.parametrize(
    "address",
    [
        "dingtalk://0123456789abcdef",
        f"wecombot://{TOKEN}-a",
        f"feishu://{TOKEN}",
        f"schan://{TOKEN}",
        "tgram://123456789:abcdefg_hijklmnop-qrstuvwxyz0123456/12345",
    ],
)
def test_the_supported_push_services_are_recognised(address: str) -> None:
    assert problem_with_addresses(address) is None


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"nonsense://{TOKEN}", "Apprise has no service nonsense://"),
        ("dingtalk://", "is incomplete"),
        (TOKEN, "not an Apprise address"),
    ],
)
def test_an_invalid_push_address_is_named_without_its_token(address: str, said: str) -> None:
    problem = problem_with_addresses(f"json://127.0.0.1/ {address}")
    assert problem is not None
    assert problem.startswith("Push address 2: ")
    assert said in problem
    assert TOKEN not in problem


def test_receivers_come_from_settings_and_credentials(credentials: Credentials) -> None:
    urls = ("json://127.0.0.1:1/", "json://127.0.0.1:1/", f"nonsense://{TOKEN}")
    notify = NotifySettings(urls=urls, email=EmailSettings(host="mail.example.com"))
    receivers, troubles = receivers_of(notify, credentials)
    assert [receiver.name.partition(" ")[0] for receiver in receivers] == ["mail", "JSON"]
    assert troubles == ["push address 2: Apprise has no service nonsense://"]
    assert receivers_of(NotifySettings(), credentials) == ([], [])


def test_push_addresses_in_a_locked_credentials_file_are_reported(credentials: Credentials, tmp_path: Path) -> None:
    credentials.keep(PUSH_ACCOUNT, SecretStr("json://127.0.0.1:1/"), "push")
    credentials.open(SecretStr("correct horse"))
    shut = Credentials(CredentialsFile(tmp_path / "secrets.json"), {})
    receivers, troubles = receivers_of(NotifySettings(), shut)
    assert receivers == []
    assert "encrypted file that is not opened yet" in troubles[0]
    assert receivers_of(NotifySettings(), shut, kept=False) == ([], [])
    shut.open(SecretStr("correct horse"))
    assert len(receivers_of(NotifySettings(), shut)[0]) == 1


def test_each_receiver_is_tested_and_reported_separately(credentials: Credentials) -> None:
    with smtp_server() as server, phone() as (address, heard):
        notify = NotifySettings(urls=(address, "json://127.0.0.1:9/"), email=email_at(server))
        outcomes = send_test(Settings(mode="paper", notify=notify), credentials)
    assert [why is None for _, why in outcomes] == [True, True, False]
    assert len(heard) == len(server.mails) == 1
    assert "in paper mode" in server.texts()[0]


def test_a_refused_and_an_invalid_address_keep_no_mail_from_the_others(credentials: Credentials) -> None:
    with smtp_server(refuses="gone@example.com") as server:
        email = email_at(server, receiver="gone@example.com；me@example.com，nonsense you@example.com")
        outcomes = dict(send_test(Settings(notify=NotifySettings(email=email)), credentials))
    assert list(outcomes) == [f"mail {name}" for name in email.receivers]
    assert "refuses the receiver gone@example.com" in (outcomes["mail gone@example.com"] or "")
    assert outcomes["mail nonsense"] == "This is no mail address: nonsense."
    assert outcomes["mail me@example.com"] is outcomes["mail you@example.com"] is None
    assert [command for command in server.commands if "RCPT" in command.upper()] == [
        f"rcpt TO:<{name}@example.com>" for name in ("gone", "me", "you")
    ]


def test_the_notify_command_lists_each_receiver_and_fails_if_one_fails(tmp_path: Path) -> None:
    def notify(*more: str) -> Any:
        return CliRunner().invoke(main, ["--home", str(tmp_path), "notify", "test", *more])

    nobody = notify()
    assert (nobody.exit_code, "No receiver is set" in nobody.output) == (2, True)
    with smtp_server() as server, phone() as (address, _):
        email = email_at(server)
        told = f'host = "{email.host}"\nport = {email.port}\nsender = "{email.sender}"\nreceiver = "{email.receiver}"'
        (tmp_path / "config.toml").write_text(f'[notify]\nurls = ["{address}"]\n[notify.email]\n{told}\n', "utf-8")
        both = notify("--json")
        assert both.exit_code == 0, both.output
        assert [(row["name"].partition(" ")[0], row["sent"]) for row in json.loads(both.output)] == [
            ("mail", True),
            ("JSON", True),
        ]
        server.refuses = "RCPT"
        half = notify()
        assert half.exit_code == 1
        assert "mail: NOT sent. 127.0.0.1 refuses the receiver me@example.com." in half.output
        assert ": sent" in half.output
        assert TOKEN not in half.output + both.output
