"""A real SMTP server on loopback, with or without TLS, that can refuse, hang and lose its response."""

import base64
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from pathlib import Path
from typing import Literal

from core.model.settings import EmailSettings

CERTIFICATE = Path(__file__).parents[1] / "factorcat" / "selfsigned.pem"
"""An untrusted certificate; a test that needs it trusted sets SSL_CERT_FILE to it."""

Tls = Literal["none", "starttls", "always"]


class Server(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as a mail needs.

    `refuses` names a command, or an address, that it answers with 550; with `password` it needs a login; while `hangs`
    it does not respond; `forgets` is how many responses to DATA it drops after accepting the mail.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, refuses: str = "", tls: Tls = "none", password: str = "") -> None:
        self.refuses, self.tls, self.password = refuses, tls, password
        self.hangs = False
        self.forgets = 0
        self.mails: list[str] = []
        self.commands: list[str] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(CERTIFICATE)
        super().__init__(("127.0.0.1", 0), Talk)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses the certificate disconnects, as some tests need."""

    def subjects(self) -> list[str]:
        return [str(make_header(decode_header(_parsed(mail)["Subject"]))) for mail in self.mails]

    def texts(self) -> list[str]:
        return [_text(mail) for mail in self.mails]


def _parsed(mail: str) -> Message:
    return message_from_bytes(mail.encode("utf-8"))


def _text(mail: str) -> str:
    payload = _parsed(mail).get_payload(decode=True)
    return payload.decode("utf-8") if isinstance(payload, bytes) else ""


class Talk(socketserver.BaseRequestHandler):
    server: Server
    request: socket.socket

    def handle(self) -> None:
        connection = self.request
        if self.server.tls == "always":
            connection = self.server.context.wrap_socket(connection, server_side=True)
        self._connection = connection
        if self.server.hangs:
            connection.settimeout(30)
            connection.recv(1)
            return
        self._lines = connection.makefile("rb")
        self._secure = self.server.tls == "always"
        self._say("220 here")
        while line := self._lines.readline().decode().strip():
            self.server.commands.append(line)
            if not self._answer(line):
                return

    def finish(self) -> None:
        connection = getattr(self, "_connection", None)
        if connection is not None:
            connection.close()

    def _answer(self, line: str) -> bool:
        command = line.split()[0].upper()
        if command == self.server.refuses or f"<{self.server.refuses}>" in line:
            self._say("550 not from you")
        elif command == "EHLO":
            offers = ["250-here"]
            if self.server.tls == "starttls" and not self._secure:
                offers.append("250-STARTTLS")
            if self.server.password and self._secure:
                offers.append("250-AUTH PLAIN")
            self._say("\r\n".join([*offers, "250 8BITMIME"]))
        elif command == "STARTTLS":
            self._say("220 go on")
            self._connection = self.server.context.wrap_socket(self._connection, server_side=True)
            self._lines = self._connection.makefile("rb")
            self._secure = True
        elif command == "AUTH":
            given = base64.b64decode(line.split()[2]).decode().rpartition("\0")[2]
            self._say("235 welcome" if given == self.server.password else "535 wrong")
        elif command == "DATA":
            return self._take_mail()
        elif command == "QUIT":
            self._say("221 bye")
            return False
        else:
            self._say("250 ok")
        return True

    def _take_mail(self) -> bool:
        self._say("354 go on")
        body: list[str] = []
        while (part := self._lines.readline().decode().rstrip("\r\n")) != ".":
            body.append(part)
        self.server.mails.append("\n".join(body))
        if self.server.forgets:
            self.server.forgets -= 1
            return False
        self._say("250 taken")
        return True

    def _say(self, text: str) -> None:
        self._connection.sendall(f"{text}\r\n".encode())


@contextmanager
def smtp_server(refuses: str = "", tls: Tls = "none", password: str = "") -> Iterator[Server]:
    with Server(refuses, tls, password) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def email_at(server: Server, **changes: object) -> EmailSettings:
    given = {"host": "127.0.0.1", "port": server.port, "sender": "rotor@example.com", "receiver": "me@example.com"}
    return EmailSettings.model_validate({**given, **changes})
