"""Mail against a real SMTP server on loopback."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from core.mail import MailFailed, send_mail
from core.model.settings import Email


class Server(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a mail needs, without TLS; `refuses` names a command that it answers with 550."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, refuses: str = "") -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.refuses = refuses
        self.mails: list[str] = []
        self.commands: list[str] = []


class Talk(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            command = line.split()[0].upper()
            self.server.commands.append(line)
            if command == self.server.refuses:
                self._say("550 not from you")
            elif command == "DATA":
                self._say("354 go on")
                body = []
                while (part := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    body.append(part)
                self.server.mails.append("\n".join(body))
                self._say("250 taken")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def serving(refuses: str = "") -> Iterator[Server]:
    with Server(refuses) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def settings(server: Server) -> Email:
    return Email(
        host="127.0.0.1", port=server.server_address[1], sender="rotor@example.com", receiver="trader@example.com"
    )


def test_a_mail_arrives_whole() -> None:
    with serving() as server:
        send_mail(settings(server), None, "rotor: 测试", "第一行\nsecond line")
    (mail,) = server.mails
    assert "Subject: rotor: =?utf-8?" in mail
    assert "From: rotor@example.com" in mail
    assert "To: trader@example.com" in mail
    assert "Date: " in mail


def test_a_password_is_not_sent_in_the_clear() -> None:
    with serving() as server, pytest.raises(MailFailed, match="offers no TLS"):
        send_mail(settings(server), SecretStr("hunter2"), "x", "y")
    assert not any("AUTH" in command or "hunter2" in command for command in server.commands)


@pytest.mark.parametrize(("refuses", "said"), [("MAIL", "refuses the sender"), ("RCPT", "refuses the receiver")])
def test_a_refusal_names_who_is_refused(refuses: str, said: str) -> None:
    with serving(refuses) as server, pytest.raises(MailFailed, match=said):
        send_mail(settings(server), None, "x", "y")


def test_nobody_there_is_a_sentence() -> None:
    with serving() as server:
        gone = settings(server)
    with pytest.raises(MailFailed, match=r"was not sent over 127\.0\.0\.1"):
        send_mail(gone, None, "x", "y")


def test_without_settings_it_names_the_keys() -> None:
    with pytest.raises(MailFailed, match=r"Set notify\.email\.host"):
        send_mail(Email(), None, "x", "y")
