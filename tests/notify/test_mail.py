"""Mail to a real SMTP server on loopback: plain, with TLS, with an untrusted certificate, hanging."""

import time

import pytest
from pydantic import SecretStr

from core.model.settings import EmailSettings
from core.notify import channels as mail
from core.notify.channels import MailFailed, send_mail, try_login
from tests.notify.smtp import CERTIFICATE, email_at, smtp_server

PASSWORD = SecretStr("hunter2-secret")


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine trusts the server's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))


@pytest.fixture
def tls_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every port counts as 465, on which tests cannot listen."""
    monkeypatch.setattr(mail, "speaks_tls_from_the_start", lambda port: True)


def test_a_mail_arrives_complete() -> None:
    with smtp_server() as server:
        send_mail(email_at(server), None, "rotor: 测试", "第一行\nsecond line", "number-1")
    (told,) = server.mails
    assert server.subjects() == ["rotor: 测试"]
    assert server.texts() == ["第一行\nsecond line"]
    assert "From: rotor@example.com" in told
    assert "To: me@example.com" in told
    assert "Date: " in told
    assert "Message-ID: <number-1@rotor.invalid>" in told


def test_a_subject_with_line_breaks_becomes_one_line() -> None:
    with smtp_server() as server:
        send_mail(email_at(server), None, "first\nBcc: thief@example.com", "y")
    assert server.subjects() == ["first Bcc: thief@example.com"]
    assert not any("thief" in command for command in server.commands)


def test_a_password_is_not_sent_without_tls() -> None:
    with smtp_server(password="hunter2-secret") as server, pytest.raises(MailFailed, match="offers no TLS"):
        send_mail(email_at(server), PASSWORD, "x", "y")
    assert not any("AUTH" in command or "hunter2" in command for command in server.commands)


@pytest.mark.usefixtures("trusted")
def test_starttls_comes_before_the_password() -> None:
    with smtp_server(tls="starttls", password="hunter2-secret") as server:
        send_mail(email_at(server, host="localhost"), PASSWORD, "x", "y")
    words = [command.split()[0].upper() for command in server.commands]
    assert words.index("STARTTLS") < words.index("AUTH") < words.index("DATA")
    assert len(server.mails) == 1


@pytest.mark.usefixtures("trusted", "tls_from_the_start")
def test_implicit_tls() -> None:
    with smtp_server(tls="always", password="hunter2-secret") as server:
        send_mail(email_at(server, host="localhost"), PASSWORD, "x", "y")
        try_login(email_at(server, host="localhost"), PASSWORD)
    assert len(server.mails) == 1  # testing the login sends no mail


@pytest.mark.parametrize("tls", ["starttls", "always"])
def test_an_untrusted_certificate_is_refused(tls: str, request: pytest.FixtureRequest) -> None:
    if tls == "always":
        request.getfixturevalue("tls_from_the_start")
    with (
        smtp_server(tls=tls, password="hunter2-secret") as server,  # type: ignore[arg-type]
        pytest.raises(MailFailed, match="certificate of localhost is not trusted"),
    ):
        send_mail(email_at(server, host="localhost"), PASSWORD, "x", "y")
    assert server.mails == []
    assert not any("AUTH" in command for command in server.commands)


@pytest.mark.usefixtures("trusted")
def test_a_wrong_smtp_password_is_reported() -> None:
    with (
        smtp_server(tls="starttls", password="another") as server,
        pytest.raises(MailFailed, match="refuses the user name or the password"),
    ):
        send_mail(email_at(server, host="localhost"), PASSWORD, "x", "y")


@pytest.mark.usefixtures("trusted")
def test_a_password_smtp_cannot_encode_is_reported() -> None:
    with (
        smtp_server(tls="starttls", password="x") as server,
        pytest.raises(MailFailed, match="must be ASCII"),
    ):
        send_mail(email_at(server, host="localhost"), SecretStr("pässword"), "x", "y")


def test_a_hanging_mail_server_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "_SECONDS", 0.2)
    with smtp_server() as server:
        server.hangs = True
        begun = time.monotonic()
        with pytest.raises(MailFailed, match="did not answer on port"):
            send_mail(email_at(server), None, "x", "y")
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(("refuses", "said"), [("MAIL", "refuses the sender"), ("RCPT", "refuses the receiver")])
def test_a_refusal_names_the_refused_address(refuses: str, said: str) -> None:
    with smtp_server(refuses) as server, pytest.raises(MailFailed, match=said):
        send_mail(email_at(server), None, "x", "y")


def test_an_unreachable_mail_server_is_reported() -> None:
    with smtp_server() as server:
        gone = email_at(server)
    with pytest.raises(MailFailed, match=r"was not sent over 127\.0\.0\.1"):
        send_mail(gone, None, "x", "y")


def test_missing_mail_settings_are_named() -> None:
    with pytest.raises(MailFailed, match=r"Set notify\.email\.host"):
        send_mail(EmailSettings(), None, "x", "y")
