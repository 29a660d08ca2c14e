"""Mail of [notify.email] and push services through Apprise. Calls block, each with a timeout."""

import hashlib
import logging
import smtplib
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Protocol

from pydantic import SecretStr

from core.i18n import say
from core.infra.credentials import PUSH_ACCOUNT, Credentials
from core.infra.logs import hide, redacted
from core.infra.network import limit_requests
from core.infra.settings_editor import problem_with_mail
from core.model.errors import UnavailableError
from core.model.known import Known, Unknown
from core.model.settings import EmailSettings, NotifySettings, Settings
from core.model.snapshot import Level

if TYPE_CHECKING:
    from apprise import NotifyBase

_SECONDS = 15.0
_TLS_FROM_THE_START = 465


class MailFailed(UnavailableError):
    """The mail was not sent; the message says why and what to do."""


def send_mail(settings: EmailSettings, password: SecretStr | None, subject: str, text: str, number: str = "") -> None:
    """Send one mail. Blocks up to 15 s for each answer of the server. Raises `MailFailed`.

    With a `number` its Message-ID is made of that, so that a mail sent twice can be recognised as one.

    Port 465 speaks TLS from the start; on any other the connection is turned to TLS before a password is sent. Without
    a password nobody is logged in, and a server on this machine may do without TLS.
    """

    def send(server: smtplib.SMTP) -> None:
        if refused := server.send_message(_message(settings, subject, text, number)):
            names = ", ".join(refused)
            raise MailFailed(say("{host} refuses the receiver {receiver}.", host=settings.host, receiver=names))

    _with_server(settings, password, send)


def try_login(settings: EmailSettings, password: SecretStr | None) -> None:
    """Connect as for a mail, with TLS and login, and send none. Raises `MailFailed`."""
    _with_server(settings, password, lambda server: server.noop())


def _with_server(settings: EmailSettings, password: SecretStr | None, action: Callable[[smtplib.SMTP], object]) -> None:
    if not settings.host or not settings.sender or not settings.receivers:
        raise MailFailed(say("Set notify.email.host, sender and receiver first."))
    if problem := problem_with_mail(settings.sender, *settings.receivers):
        raise MailFailed(problem)
    host, port = settings.host, settings.port
    try:
        with _connected(settings, password) as server:
            action(server)
    except smtplib.SMTPAuthenticationError:
        reason = say("{host} refuses the user name or the password. Many providers require an app password.", host=host)
    except smtplib.SMTPSenderRefused:
        reason = say("{host} refuses the sender {sender}.", host=host, sender=settings.sender)
    except smtplib.SMTPRecipientsRefused:
        reason = say("{host} refuses the receiver {receiver}.", host=host, receiver=settings.receiver)
    except ssl.SSLCertVerificationError as error:
        reason = say("The certificate of {host} is not trusted: {why}.", host=host, why=error.verify_message)
    except UnicodeEncodeError:
        reason = say("The user name, the password and the mail addresses must be ASCII.")
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


def _connected(settings: EmailSettings, password: SecretStr | None) -> smtplib.SMTP:
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
                host, port = settings.host, settings.port
                told = say("{host} offers no TLS on port {port}: the password was not sent.", host=host, port=port)
                raise MailFailed(told)
        if password is not None:
            server.login(settings.sender, password.get_secret_value())
    except BaseException:
        server.close()
        raise
    return server


def _message(settings: EmailSettings, subject: str, text: str, number: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"] = settings.sender, ", ".join(settings.receivers)
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = f"<{number}@rotor.invalid>" if number else make_msgid(domain="rotor.invalid")
    message.set_content(text)
    return message


class NotSent(UnavailableError):
    """A message was not sent; the message of this says why and what to do, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Message:
    """`number` is the same each time the same message is sent: a receiver can recognise a duplicate."""

    subject: str
    text: str
    level: Level
    number: str


class Receiver(Protocol):
    """One address that gets notifications. `name` is for the screen, the log and the outbox, and holds no secret."""

    @property
    def name(self) -> str: ...

    @property
    def least(self) -> Level:
        """Notifications below this level are not sent to it."""
        ...

    def send(self, message: Message) -> None:
        """Raises `NotSent`."""
        ...


class MailReceiver:
    """One mail address of the settings. The password is looked up each time: it may be stored while this runs."""

    def __init__(self, email: EmailSettings, credentials: Credentials, name: str = "mail") -> None:
        self.name = name
        self._email = email
        self._credentials = credentials
        self.least = Level(email.level)

    def send(self, message: Message) -> None:
        password = mail_password(self._email, self._credentials)
        try:
            send_mail(self._email, password, message.subject, message.text, message.number)
        except MailFailed as failure:
            raise NotSent(str(failure)) from None


class PushReceiver:
    """One push service, by its Apprise address. `name` is the service and a hash of the address."""

    def __init__(self, address: SecretStr, least: Level) -> None:
        """Raises `ValueError` where Apprise knows no such service; the text does not repeat the address."""
        hide(address)
        self._service = _service(address.get_secret_value())
        digest = hashlib.sha256(address.get_secret_value().encode("utf-8")).hexdigest()[:6]
        self.name = f"{self._service.service_name or 'push'} {digest}"
        self.least = least

    def send(self, message: Message) -> None:
        heard = _AppriseLog()
        logger = logging.getLogger("apprise")
        logger.propagate = False  # its messages are replaced by a sentence of ours
        logger.addHandler(heard)
        try:
            sent = bool(
                self._service.notify(body=message.text, title=message.subject, notify_type=_apprise(message.level))
            )
        except Exception as error:
            heard.lines.append(f"{type(error).__name__}: {error}")
            sent = False
        finally:
            logger.removeHandler(heard)
        if not sent:
            why = redacted(heard.lines[-1] if heard.lines else say("it gave no reason")).rstrip(".")
            raise NotSent(say("{name} did not accept the message: {why}.", name=self.name, why=why))


class _AppriseLog(logging.Handler):
    """What Apprise logs on this thread while it sends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.lines.append(" ".join(record.getMessage().split()))


def mail_password(email: EmailSettings, credentials: Credentials) -> SecretStr | None:
    """The mail server's password; None: it is used without one. Raises `NotSent` where it cannot be read."""
    found = credentials.read(email.sender, "email")
    if isinstance(found, Unknown):
        raise NotSent(found.reason)
    if found.value is not None:
        hide(found.value)
    return found.value


def mail_receivers(email: EmailSettings, credentials: Credentials) -> list[MailReceiver]:
    """One for each address, so that a refused one keeps no mail from the others; none without a mail server."""
    if not email.host:
        return []
    if len(email.receivers) <= 1:
        return [MailReceiver(email, credentials)]
    return [
        MailReceiver(email.model_copy(update={"receiver": address}), credentials, f"mail {address}")
        for address in email.receivers
    ]


def receivers_of(
    notify: NotifySettings, credentials: Credentials, *, kept: bool = True
) -> tuple[list[Receiver], list[str]]:
    """Every receiver, and a sentence for each address that cannot be used.

    `kept`: also those whose addresses are stored with the passwords; it blocks then.
    """
    receivers: list[Receiver] = [*mail_receivers(notify.email, credentials)]
    troubles: list[str] = []
    addresses = list(notify.urls)
    found = credentials.read(PUSH_ACCOUNT, "push") if kept else Known(None)
    if isinstance(found, Unknown):
        troubles.append(found.reason)
    elif found.value is not None:
        addresses += found.value.get_secret_value().split()
    for number, address in enumerate(dict.fromkeys(addresses), 1):
        try:
            receivers.append(PushReceiver(SecretStr(address), Level(notify.push_level)))
        except ValueError as error:
            troubles.append(say("push address {number}: {error}", number=number, error=error))
    return receivers, troubles


def problem_with_addresses(text: str) -> str | None:
    """Why these addresses of push services, with blanks between them, cannot be used; None where they can."""
    for number, address in enumerate(text.split(), 1):
        try:
            _service(address)
        except ValueError as error:
            return say("Push address {number}: {error}", number=number, error=error)
    return None


def send_test(settings: Settings, credentials: Credentials) -> list[tuple[str, str | None]]:
    """Send every receiver a test message; returns their names and why it was not sent, None where it was."""
    subject = say("rotor: a test")
    text = say("This is a test. Notifications of rotor, in {mode} mode, will look like this.", mode=say(settings.mode))
    receivers, troubles = receivers_of(settings.notify, credentials)
    outcomes: list[tuple[str, str | None]] = [("push", trouble) for trouble in troubles]
    for receiver in receivers:
        try:
            receiver.send(Message(subject, text, Level.INFO, ""))
            outcomes.append((receiver.name, None))
        except NotSent as error:
            outcomes.append((receiver.name, str(error)))
    return outcomes


def _service(address: str) -> "NotifyBase":
    import apprise

    limit_requests()
    scheme = address.partition("://")[0]
    logging.getLogger("apprise").propagate = False  # what it says of an address may repeat it
    found = apprise.Apprise.instantiate(address)  # pyright: ignore[reportUnknownMemberType]
    if not isinstance(found, apprise.NotifyBase):
        if not scheme or scheme == address:
            raise ValueError(say("this is not an Apprise address such as dingtalk://token"))
        known = scheme.lower() in {
            str(name)
            for details in apprise.Apprise().details()["schemas"]
            for name in (*(details["protocols"] or ()), *(details["secure_protocols"] or ()))
        }
        if known:
            raise ValueError(say("{scheme}:// is incomplete for this service", scheme=scheme))
        raise ValueError(say("Apprise has no service {scheme}://", scheme=scheme))
    return found


def _apprise(level: Level) -> str:
    return {Level.WARNING: "warning", Level.ERROR: "failure"}.get(level, "info")
