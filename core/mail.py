"""Mail over SMTP: sent at once, with a deadline, and what goes wrong in a sentence."""

import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from pydantic import SecretStr

from core.i18n import say
from core.model.settings import Email

_SECONDS = 15.0
_TLS_FROM_THE_START = 465


class MailFailed(RuntimeError):
    """The mail was not sent; the message says why and what to do."""


def send_mail(settings: Email, password: SecretStr | None, subject: str, text: str, number: str = "") -> None:
    """Send one mail. Blocks up to 15 s for each answer of the server. Raises `MailFailed`.

    With a `number` its Message-ID is made of that: the same mail that is sent twice can be known as one.

    Port 465 speaks TLS from the start; on any other the connection is turned to TLS before a password is sent. Without
    a password nobody is logged in, and a server on this machine may do without TLS.
    """
    _talk(settings, password, lambda server: server.send_message(_message(settings, subject, text, number)))


def try_login(settings: Email, password: SecretStr | None) -> None:
    """Connect as for a mail, with TLS and login, and send none. Raises `MailFailed`."""
    _talk(settings, password, lambda server: server.noop())


def _talk(settings: Email, password: SecretStr | None, say_it: Callable[[smtplib.SMTP], object]) -> None:
    if not settings.host or not settings.sender or not settings.receiver:
        raise MailFailed(say("Set notify.email.host, sender and receiver first."))
    host, port = settings.host, settings.port
    try:
        with _connected(settings, password) as server:
            say_it(server)
    except smtplib.SMTPAuthenticationError:
        reason = say("{host} refuses the name or the password. Many providers want an app password here.", host=host)
    except smtplib.SMTPSenderRefused:
        reason = say("{host} refuses the sender {sender}.", host=host, sender=settings.sender)
    except smtplib.SMTPRecipientsRefused:
        reason = say("{host} refuses the receiver {receiver}.", host=host, receiver=settings.receiver)
    except ssl.SSLCertVerificationError as error:
        reason = say("The certificate of {host} cannot be trusted: {why}.", host=host, why=error.verify_message)
    except UnicodeEncodeError:
        reason = say("The name, the password and the addresses of a mail may hold plain letters only (ASCII).")
    except (OSError, ValueError, smtplib.SMTPException) as error:
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            reason = say("{host} did not answer on port {port} in time.", host=host, port=port)
        else:
            why = str(error).rstrip(".")
            reason = say("The mail was not sent over {host}, port {port}: {why}.", host=host, port=port, why=why)
    else:
        return
    raise MailFailed(reason)


def speaks_tls_from_the_start(port: int) -> bool:
    """Whether the port is the one where TLS comes before everything (RFC 8314)."""
    return port == _TLS_FROM_THE_START


def _connected(settings: Email, password: SecretStr | None) -> smtplib.SMTP:
    """Raises whatever goes wrong; nothing is left open then."""
    context = ssl.create_default_context()
    server: smtplib.SMTP
    if speaks_tls_from_the_start(settings.port):
        server = smtplib.SMTP_SSL(settings.host, settings.port, timeout=_SECONDS, context=context)
    else:
        server = smtplib.SMTP(settings.host, settings.port, timeout=_SECONDS)
    try:
        if not speaks_tls_from_the_start(settings.port):
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif password is not None:
                where = {"host": settings.host, "port": settings.port}
                raise MailFailed(say("{host} offers no TLS on port {port}: the password was not sent.", **where))
        if password is not None:
            server.login(settings.sender, password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _message(settings: Email, subject: str, text: str, number: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = settings.sender, settings.receiver, " ".join(subject.split())
    message["Date"], message["Message-ID"] = (
        formatdate(localtime=True),
        (f"<{number}@rotor.invalid>" if number else make_msgid(domain="rotor.invalid")),
    )
    message.set_content(text)
    return message
