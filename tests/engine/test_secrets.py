"""No byte that a run writes or shows contains a secret, and deleted secrets are gone."""

import base64
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from click.testing import CliRunner
from keyring import get_keyring, set_keyring
from keyring.errors import NoKeyringError

from core.engine.engine import Engine
from core.infra import credentials_file
from core.infra.config import load_settings
from core.infra.home import Home
from core.model.command import (
    Done,
    Examine,
    Failed,
    ForgetSecret,
    ListStrategies,
    LoggedIn,
    Login,
    Logout,
    MakePlan,
    OpenSafe,
    ReadSettings,
    StoreSecret,
    TryNotify,
)
from core.model.snapshot import Snapshot
from tests.engine.test_engine import until
from tests.infra.keyrings import BrokenKeyring, MemoryKeyring
from tests.live.factorcat import RECORD, STRATEGY, USER, LoopbackPlatform
from tests.notify.smtp import CERTIFICATE, Server, smtp_server
from tui.cli.main import main

PASSWORD, MAIL_PASSWORD, PASSPHRASE = 'p@ss "wörd" 4711', "mail-p@ss w0rd", "correct horse battery"
PUSH_TOKEN = "push-t0ken-0815"


class Phone:
    """A push service on loopback, of the kind that Apprise calls json://."""

    def __init__(self) -> None:
        phone = self
        self.heard: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                phone.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.address = f"json://trader:{PUSH_TOKEN}@127.0.0.1:{self._server.server_address[1]}/"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class SecretsWorld:
    """A platform, a mail server that needs a password over TLS, and a push service."""

    def __init__(self, folder: Path, mails: Server) -> None:
        self.home = Home(folder / "home")
        self.home.prepare()
        self.platform = LoopbackPlatform("2026-05-15")
        self.phone = Phone()
        self.mails = mails
        self.shown: list[Snapshot] = []

    def settings(self) -> None:
        self.home.config_file.write_text(
            f"""
mode = "paper"
[factorcat]
base_url = "{self.platform.url}"
[quotes]
sources = ["tencent"]
tencent = "http://127.0.0.1:9"
[guards]
redemption = "off"
[strategy]
strategy_id = {STRATEGY}
history_id = {RECORD}
[notify.email]
host = "localhost"
port = {self.mails.port}
sender = "rotor@example.com"
receiver = "me@example.com"
""",
            encoding="utf-8",
        )

    def engine(self) -> Engine:
        engine = Engine(self.home, load_settings(self.home.path, environ={}))
        engine.subscribe(self.shown.append)
        engine.start()
        engine.wait_ready()
        return engine

    def close(self) -> None:
        self.platform.close()
        self.phone.close()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsWorld]:
    monkeypatch.setattr(credentials_file, "_N", 2**10)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    before = get_keyring()
    with smtp_server(tls="starttls", password=MAIL_PASSWORD) as mails:
        made = SecretsWorld(tmp_path, mails)
        made.settings()
        yield made
        made.close()
    set_keyring(before)


def secrets_of(token: str) -> list[bytes]:
    """Each secret in every encoding it could appear in: plain, JSON, URL, base64, UTF-16."""
    found: set[bytes] = set()
    for secret in (PASSWORD, MAIL_PASSWORD, PASSPHRASE, PUSH_TOKEN, token):
        found |= {
            secret.encode("utf-8"),
            secret.encode("utf-16-le"),
            json.dumps(secret)[1:-1].encode("ascii"),
            quote(secret, safe="").encode("ascii"),
            quote_plus(secret).encode("ascii"),
            base64.b64encode(secret.encode("utf-8")).rstrip(b"="),
        }
    return sorted(found)


def told_in(everything: bytes, token: str) -> list[bytes]:
    return [secret for secret in secrets_of(token) if secret in everything]


def files_of(home: Home) -> bytes:
    return b"\n".join(file.read_bytes() for file in sorted(home.path.rglob("*")) if file.is_file())


def ask(engine: Engine, command: Any) -> Any:
    reply = engine.send(command).result(30)
    assert isinstance(reply, Done), reply
    return reply.value


def test_a_complete_run_writes_and_shows_no_secret(
    world: SecretsWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    set_keyring(BrokenKeyring(lambda _: NoKeyringError()))
    said: list[object] = []
    engine = world.engine()
    try:
        # A wrong password, which the server repeats, and then the right one.
        login = ask(engine, Login(USER, PASSWORD, remember=True))
        assert isinstance(login, LoggedIn)
        assert "this machine has none" in login.trouble
        said.append(login)
        assert engine._runtime is not None
        token = engine._runtime._components.platform.token  # pyright: ignore[reportPrivateUsage]
        assert token is not None
        said.append(ask(engine, OpenSafe(PASSPHRASE)))
        assert isinstance(engine.send(OpenSafe("a wrong one")).result(30), Failed)
        said.append(ask(engine, StoreSecret("email", MAIL_PASSWORD)))
        said.append(ask(engine, StoreSecret("push", world.phone.address)))
        said.append(ask(engine, TryNotify()))
        said.append(ask(engine, ReadSettings()))
        said.append(ask(engine, MakePlan()))
        said.append(ask(engine, Examine()))

        async def fails(*_: object) -> None:
            raise RuntimeError(f"with {PASSWORD} and {token.get_secret_value()} and {PASSPHRASE} at hand")

        monkeypatch.setattr(engine._runtime._components.platform, "strategies", fails)
        said.append(engine.send(ListStrategies()).result(30))
    finally:
        engine.stop()
    monkeypatch.undo()
    monkeypatch.setattr(credentials_file, "_N", 2**10)
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    again = world.engine()
    try:
        assert until(again, lambda shown: shown.locked).platform_user is None
        ask(again, OpenSafe(PASSPHRASE))
        told = until(
            again, lambda shown: any("notifications go to: mail, JSON" in event.text for event in shown.events)
        )
        assert told is not None
        assert until(again, lambda shown: shown.platform_user is not None).platform_user == USER
    finally:
        again.stop()
    assert [heard["title"] for heard in world.phone.heard] == ["rotor: a test"]
    assert world.mails.subjects()[0] == "rotor: a test"
    printed = "".join(
        CliRunner().invoke(main, ["--home", str(world.home.path), *words]).output
        for words in (["config", "show"], ["status", "--json"], ["doctor", "--json"], ["secret", "list"])
    )
    assert "factorcat: safe" not in printed  # it is closed here
    assert printed.count("encrypted file that is not opened yet") >= 3
    everything = files_of(world.home) + printed.encode() + repr(said).encode() + repr(world.shown).encode()
    assert b"the command ListStrategies failed" in everything  # with its traceback, redacted
    assert b"with *** and *** and ***" in everything
    assert told_in(everything, token.get_secret_value()) == []
    assert (
        told_in(files_of(world.home) + PUSH_TOKEN.encode(), token.get_secret_value()) != []
    )  # it would be found if it were there


def test_a_deleted_secret_is_removed_everywhere(world: SecretsWorld) -> None:
    ring = MemoryKeyring()
    set_keyring(ring)
    engine = world.engine()
    try:
        assert ask(engine, Login(USER, PASSWORD, remember=True)) == LoggedIn(USER)
        ask(engine, StoreSecret("email", MAIL_PASSWORD))
        ask(engine, StoreSecret("push", world.phone.address))
        place = world.platform.url.removeprefix("http://")
        assert sorted(name for _, name in ring.kept) == [
            "email:rotor@example.com",
            f"factorcat:{USER}@{place}",
            "push:addresses",
            f"token:{USER}@{place}",
        ]
        ask(engine, Logout())
        ask(engine, ForgetSecret("email"))
        ask(engine, ForgetSecret("push"))
        assert ring.kept == {}
        assert not world.home.credentials_file.exists()
    finally:
        engine.stop()


def test_a_logout_ends_a_login_that_is_on_its_way(world: SecretsWorld) -> None:
    set_keyring(MemoryKeyring())
    engine = world.engine()
    try:
        ask(engine, Login(USER, PASSWORD, remember=True))
    finally:
        engine.stop()
    reached, go_on = threading.Event(), threading.Event()
    answer = world.platform.answer

    def slowly(path: str) -> Any:
        reached.set()
        go_on.wait(60)
        return answer(path)

    world.platform.answer = slowly  # type: ignore[method-assign]
    engine = world.engine()
    try:
        assert reached.wait(60)
        ask(engine, Logout())
        go_on.set()
        assert isinstance(engine.send(ListStrategies()).result(60), Failed)
        assert until(engine, lambda shown: shown.platform_user is None).username == USER
    finally:
        go_on.set()
        engine.stop()


def test_a_command_logs_out_with_and_without_an_engine(world: SecretsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    ring = MemoryKeyring()
    set_keyring(ring)
    engine = world.engine()
    try:
        ask(engine, Login(USER, PASSWORD, remember=True))
        through = CliRunner().invoke(main, ["--home", str(world.home.path), "logout"])
        assert (through.exit_code, ring.kept) == (0, {})
        assert "Stops go on" in through.output
        assert until(engine, lambda shown: shown.platform_user is None).platform_user is None
        ask(engine, Login(USER, PASSWORD, remember=True))
        assert len(ring.kept) == 2
    finally:
        engine.stop()
    monkeypatch.setenv("ROTOR_FACTORCAT__PASSWORD", "from a variable")
    alone = CliRunner().invoke(main, ["--home", str(world.home.path), "logout"])
    assert (alone.exit_code, ring.kept) == (0, {})
    assert f"no password and no token of {USER} is stored here now" in alone.output
    assert "ROTOR_FACTORCAT__PASSWORD still holds a password" in alone.output
    assert f'username = "{USER}"' in world.home.config_file.read_text("utf-8")


def test_a_logout_without_a_user_changes_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "logout"])
    assert (done.exit_code, done.output) == (0, "Nobody is logged in: the settings name no user.\n")
    missing = CliRunner().invoke(main, ["--home", str(tmp_path / "mistyped"), "logout"])
    assert missing.exit_code == 1


def test_the_sandbox_declines_a_logout(tmp_path: Path) -> None:
    engine = Engine(Home(tmp_path), load_settings(tmp_path, environ={}))
    engine.start()
    try:
        engine.wait_ready()
        reply = engine.send(Logout()).result(30)
        assert isinstance(reply, Failed)
        assert reply.refused
        assert isinstance(engine.send(ListStrategies()).result(30), Done)
    finally:
        engine.stop()


def test_the_next_start_uses_the_stored_token_without_a_login(world: SecretsWorld) -> None:
    set_keyring(MemoryKeyring())
    asked: list[str] = []
    answer = world.platform.answer
    world.platform.answer = lambda path: asked.append(path) or answer(path)  # type: ignore[method-assign]
    engine = world.engine()
    try:
        ask(engine, Login(USER, PASSWORD, remember=True))
    finally:
        engine.stop()
    asked.clear()
    engine = world.engine()
    try:
        assert until(engine, lambda shown: shown.platform_user is not None).platform_user == USER
    finally:
        engine.stop()
    assert "/auth/login" not in asked
    assert "/strategies/" in asked
