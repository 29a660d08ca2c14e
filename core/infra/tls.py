"""Which certificate of a server is accepted, and what a refused one says about itself.

Without a file and without a fingerprint, the public authorities decide. A file of certificates replaces them. With a
fingerprint the certificate that has it is accepted, and no other one, whatever its name, issuer and dates.
"""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from core.i18n import say
from core.infra.network import NetworkUnavailable, async_client, in_words
from core.infra.user_files import UserFileRefused, read_user_file
from core.model.errors import UnavailableError
from core.model.known import Known, Maybe, Unknown
from core.model.settings import FactorCatSettings

_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says; `sha256` is its fingerprint, as browsers and openssl show it."""

    subject: str
    issuer: str
    begins: date | None
    ends: date | None
    sha256: str

    @property
    def text(self) -> str:
        if self.begins is None or self.ends is None:
            return say("it cannot be read; SHA-256 {fingerprint}", fingerprint=self.sha256)
        return say(
            "subject {subject}, issuer {issuer}, valid from {begins} to {ends}, SHA-256 {fingerprint}",
            subject=self.subject,
            issuer=self.issuer,
            begins=self.begins,
            ends=self.ends,
            fingerprint=self.sha256,
        )


def certificate_of(der: bytes) -> Certificate:
    digest = sha256(der).hexdigest().upper()
    fingerprint = ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))
    try:
        found = x509.load_der_x509_certificate(der)
        begins, ends = found.not_valid_before_utc.date(), found.not_valid_after_utc.date()
        return Certificate(_name(found.subject), _name(found.issuer), begins, ends, fingerprint)
    except ValueError:
        return Certificate("", "", None, None, fingerprint)


def _name(name: x509.Name) -> str:
    """On one line, without control characters: a terminal would obey them."""
    text = name.rfc4514_string() or say("without a name")
    return "".join(char if char.isprintable() else " " for char in text)[:_LONGEST_NAME]


class NotPinned(ssl.SSLError, UnavailableError):
    """The server's certificate is another one than the settings name."""

    def __init__(self, der: bytes) -> None:
        super().__init__("another certificate than the pinned one")
        self.certificate = certificate_of(der)


def context_for(trusted: FactorCatSettings) -> ssl.SSLContext | None:
    """TLS by these settings, None for the public authorities. Raises `NetworkUnavailable` for a file of no use."""
    if trusted.certificate_sha256:
        return _judging(lambda der: _refuse_unless(der, trusted.certificate_sha256))
    return _signed_by(trusted.ca_file) if trusted.ca_file else None


def _signed_by(name: str) -> ssl.SSLContext:
    """Accept what these certificates have signed, and each of them itself; name and dates are checked as ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"".join(_certificates_in(name)))
    return context


def _certificates_in(name: str) -> list[bytes]:
    """Read here: the SSL library takes not every path of Windows, and names no file in its errors."""
    file = Path(name).expanduser()
    if not file.is_absolute():
        raise NetworkUnavailable(say("factorcat.ca_file needs a full path, and {file} is none", file=name))
    try:
        text = read_user_file(file)
    except (OSError, UserFileRefused) as error:
        why = getattr(error, "strerror", None) or in_words(error)
        raise NetworkUnavailable(
            say("{file} of factorcat.ca_file cannot be read ({why})", file=file, why=why)
        ) from None
    if not text.strip():
        raise NetworkUnavailable(say("{file} of factorcat.ca_file is empty", file=file))
    try:
        return [found.public_bytes(Encoding.DER) for found in x509.load_pem_x509_certificates(text)]
    except ValueError:
        raise NetworkUnavailable(
            say(
                "{file} of factorcat.ca_file holds no certificate in PEM form: "
                "export it as Base64 (-----BEGIN CERTIFICATE-----)",
                file=file,
            )
        ) from None


class _JudgingContext(ssl.SSLContext):
    """Asks `judge` about each server's certificate."""

    judge: Callable[[bytes], None]


class _JudgedConnection(ssl.SSLObject):
    """The handshake fails where the judge raises: not a byte of a request is sent before."""

    def do_handshake(self) -> None:
        super().do_handshake()
        context, der = self.context, self.getpeercert(binary_form=True)
        if not isinstance(context, _JudgingContext):
            raise ssl.SSLError("the connection has no judge")
        context.judge(der or b"")


def _judging(judge: Callable[[bytes], None]) -> ssl.SSLContext:
    """The library checks that the server holds the certificate's key; `judge` decides about the certificate."""
    context = _JudgingContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_RENEGOTIATION  # it could bring another certificate, which nobody would judge
    context.sslobject_class = _JudgedConnection
    context.judge = judge
    return context


def _refuse_unless(der: bytes, pin: str) -> None:
    if sha256(der).hexdigest() != pin:
        raise NotPinned(der)


async def look_at_certificate(address: str, proxy: str) -> Maybe[Certificate]:
    """The certificate that the server shows now; hangs up before anything is sent."""
    seen: list[bytes] = []

    def hang_up(der: bytes) -> None:
        seen.append(der)
        raise ssl.SSLError("the certificate was looked at")

    try:
        async with async_client(address, proxy, verify=_judging(hang_up)) as http:
            await http.get("/")
    except Exception as error:
        if not seen:
            return Unknown(in_words(error))
    return Known(certificate_of(seen[0])) if seen else Unknown(say("the connection is not encrypted"))
