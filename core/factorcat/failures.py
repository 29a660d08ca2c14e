"""Why a request to the platform got no answer, as an error whose sentence a user can act on."""

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from core.factorcat.errors import NotAsked, Unreachable, Untrusted, plain
from core.i18n import say, sentences
from core.infra.network import NetworkUnavailable, in_words
from core.infra.tls import Certificate, NotPinned
from core.model.known import Known, Maybe, Unknown


def failure(error: Exception, about: str, address: str, proxy: str) -> Unreachable:
    """The error for what httpx raised when `about` was asked for at `address`."""
    host = urlsplit(address).hostname or address
    if isinstance(error, httpx.ProxyError):
        error = NetworkUnavailable(say("the proxy of network.proxy refuses ({error})", error=in_words(error)))
    if not isinstance(error, httpx.TransportError):
        why = in_words(error)
        return NotAsked(
            say("Factor Cat at {host} was not asked about {about}: {why}.", host=host, about=about, why=why)
        )
    for cause in _causes(error):
        found = _by_cause(cause, host, proxy)
        if found is not None:
            return found
    what = say("cannot be reached") if isinstance(error, httpx.ConnectError) else say("broke the connection off")
    told = {"host": host, "what": what, "about": about}
    if proxy == "none":
        return Unreachable(
            say(
                "Factor Cat at {host} {what} when asked about {about}. Check the network and factorcat.base_url.",
                **told,
            )
        )
    return Unreachable(
        say(
            "Factor Cat at {host} {what} when asked about {about}. "
            "Check the network, network.proxy and factorcat.base_url.",
            **told,
        )
    )


def _by_cause(cause: BaseException, host: str, proxy: str) -> Unreachable | None:
    if isinstance(cause, NotPinned):
        return not_pinned(host, cause.certificate)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return not_valid(host, plain(cause.verify_message), Unknown(""))
    if isinstance(cause, ssl.SSLError):
        return Unreachable(
            say(
                "{host} makes no encrypted connection ({why}), so nothing was sent. Check the port in "
                "factorcat.base_url, and network.proxy.",
                host=host,
                why=plain(cause.reason or str(cause)),
            )
        )
    if isinstance(cause, socket.gaierror) and proxy == "none":  # a proxy's own name may be the wrong one
        return Unreachable(say("The name {host} is not found. Check the network and factorcat.base_url.", host=host))
    return None


def not_pinned(host: str, certificate: Certificate) -> Untrusted:
    brief = say(
        "The certificate of {host} is not the one of factorcat.certificate_sha256, so nothing was sent. It was "
        "replaced, or somebody stands between.",
        host=host,
    )
    return Untrusted(brief, sentences([brief, how_to_trust(certificate)]))


def not_valid(host: str, why: str, certificate: Maybe[Certificate]) -> Untrusted:
    """The authorities that are trusted do not vouch for the certificate, or its name or dates are wrong."""
    brief = say(
        "The certificate of {host} is not valid ({verify_message}), so nothing was sent. "
        "Check factorcat.base_url, this machine's date, and who stands between.",
        host=host,
        verify_message=why,
    )
    text = sentences([brief, how_to_trust(certificate.value)]) if isinstance(certificate, Known) else brief
    return Untrusted(brief, text, why)


def how_to_trust(certificate: Certificate) -> str:
    """The setting that would trust this certificate, and what to do before it is set."""
    return say(
        "The server shows: {certificate}. First compare this fingerprint with the platform's by another way, such as "
        'by phone. Only if they are the same, trust it with factorcat.certificate_sha256 = "{fingerprint}".',
        certificate=certificate.text,
        fingerprint=certificate.sha256,
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__
