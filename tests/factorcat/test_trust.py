"""Which server gets the password: real TLS on loopback, with certificates of every kind."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from core.factorcat.client import FactorCatClient
from core.factorcat.errors import FactorCatError, NotAsked, Unreachable, Untrusted
from core.infra import tls
from core.infra.clock import SteppedClock
from core.model.settings import FactorCatSettings, NetworkSettings, Settings
from tests.factorcat.certificates import DAY, Made, make
from tests.factorcat.conftest import LIST, LOGIN, LONG, LONG_TERM, PASSWORD, SELECTION, USER, token
from tests.factorcat.server import Server, answer, raw
from tests.infra.web_proxy import web_proxy

SELF_SIGNED = make()
EXPIRED = make(ends=-DAY)
OTHER_HOST = make("other.example")
AUTHORITY = make("authority", authority=True, subject="authority")
SIGNED = make(signed_by=AUTHORITY)

Started = Callable[[Made], Awaitable[Server]]


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    """Starts servers that show a certificate."""
    servers: list[Server] = []

    async def start(made: Made) -> Server:
        server = Server()
        await server.start(made.server_context(tmp_path))
        servers.append(server)
        server.on(LOGIN, answer(200, token()))
        server.on(LONG_TERM, answer(200, {"access_token": LONG}))
        server.on(SELECTION, answer(200, LIST))
        return server

    yield start
    for server in servers:
        await server.stop()


def client_of(server: Server, clock: SteppedClock, proxy: str = "none", **trust: str) -> FactorCatClient:
    host = "localhost" if proxy == "none" else "factorcat.example"
    factorcat = FactorCatSettings(base_url=f"https://{host}:{server.port}", **trust)  # type: ignore[arg-type]
    return FactorCatClient.of(Settings(factorcat=factorcat, network=NetworkSettings(proxy=proxy)), clock)


async def log_in(client: FactorCatClient) -> FactorCatError | None:
    """Log in and ask for the list; the error, None where both succeed."""
    try:
        await client.login(USER, PASSWORD)
        await client.selection(7, 42)
    except FactorCatError as error:
        return error
    finally:
        await client.aclose()
    return None


@pytest.mark.parametrize(
    ("made", "why"),
    [(SELF_SIGNED, "self-signed"), (EXPIRED, ""), (OTHER_HOST, ""), (SIGNED, "unable to get local issuer")],
    ids=["self-signed", "expired", "other host", "unknown authority"],
)
async def test_a_certificate_that_is_not_trusted_gets_no_password_and_is_described(
    started: Started, clock: SteppedClock, made: Made, why: str
) -> None:
    server = await started(made)
    error = await log_in(client_of(server, clock))
    assert isinstance(error, Untrusted)
    assert why in str(error)
    fingerprint = ":".join(made.sha256.upper()[place : place + 2] for place in range(0, 64, 2))
    for part in (
        "subject CN=因子猫, issuer CN=",
        f"{made.certificate.not_valid_before_utc:%Y-%m-%d} to {made.certificate.not_valid_after_utc:%Y-%m-%d}",
        f'factorcat.certificate_sha256 = "{fingerprint}"',
        "compare this fingerprint with the platform's by another way",
    ):
        assert part in str(error)
    assert fingerprint not in error.brief
    assert server.seen == []


@pytest.mark.parametrize(
    "made", [SELF_SIGNED, EXPIRED, OTHER_HOST, SIGNED], ids=["self-signed", "expired", "other host", "signed"]
)
@pytest.mark.parametrize("spelt", ["{}", "colons", "upper"])
async def test_a_pinned_certificate_is_trusted_whatever_it_says(
    started: Started, clock: SteppedClock, made: Made, spelt: str
) -> None:
    colons = ":".join(made.sha256[place : place + 2] for place in range(0, 64, 2))
    pin = {"{}": made.sha256, "colons": f"sha256 Fingerprint={colons.upper()}", "upper": made.sha256.upper()}[spelt]
    server = await started(made)
    assert await log_in(client_of(server, clock, certificate_sha256=pin)) is None
    assert server.count(SELECTION) == 1


async def test_a_pinned_certificate_that_changes_gets_no_password(started: Started, clock: SteppedClock) -> None:
    fresh = make()
    server = await started(fresh)
    error = await log_in(client_of(server, clock, certificate_sha256=SELF_SIGNED.sha256))
    assert isinstance(error, Untrusted)
    assert "is not the one of factorcat.certificate_sha256" in str(error)
    assert fresh.sha256.upper()[:2] + ":" in str(error)
    assert server.seen == []


async def test_the_same_key_in_another_certificate_is_not_the_pinned_one(started: Started, clock: SteppedClock) -> None:
    """With a fingerprint set, only that certificate is accepted, even if a trusted authority signed another one."""
    server = await started(SIGNED)
    error = await log_in(client_of(server, clock, certificate_sha256=AUTHORITY.sha256))
    assert isinstance(error, Untrusted)
    assert server.seen == []


async def test_the_pin_is_what_keeps_the_password_back(
    started: Started, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the judge in the handshake the login would go out."""
    server = await started(make())
    monkeypatch.setattr(tls._JudgedConnection, "do_handshake", ssl.SSLObject.do_handshake)  # pyright: ignore[reportPrivateUsage]
    await log_in(client_of(server, clock, certificate_sha256=SELF_SIGNED.sha256))
    assert server.count(LOGIN) == 1


@pytest.mark.parametrize("pinned", [True, False])
async def test_a_pin_holds_through_a_proxy(started: Started, clock: SteppedClock, pinned: bool) -> None:
    server = await started(OTHER_HOST)
    pin = OTHER_HOST.sha256 if pinned else SELF_SIGNED.sha256
    async with web_proxy(server.port) as proxy:
        error = await log_in(client_of(server, clock, proxy.url, certificate_sha256=pin))
    if pinned:
        assert error is None
    else:
        assert isinstance(error, Untrusted)
        assert server.seen == []


async def test_a_refused_certificate_is_described_through_a_proxy(started: Started, clock: SteppedClock) -> None:
    server = await started(OTHER_HOST)
    async with web_proxy(server.port) as proxy:
        error = await log_in(client_of(server, clock, proxy.url))
    assert isinstance(error, Untrusted)
    assert "subject CN=因子猫" in str(error)
    assert set(proxy.asked) == {"factorcat.example"}
    assert server.seen == []


async def test_a_redirect_of_the_pinned_server_is_not_followed(started: Started, clock: SteppedClock) -> None:
    server, elsewhere = await started(SELF_SIGNED), await started(EXPIRED)
    server.on(LOGIN, raw(307, b"", f"Location: https://localhost:{elsewhere.port}{LOGIN}\r\n"))
    error = await log_in(client_of(server, clock, certificate_sha256=SELF_SIGNED.sha256))
    assert error is not None
    assert "redirect" in str(error)
    assert elsewhere.seen == []


@pytest.mark.parametrize("kept", ["authority", "itself"])
async def test_a_ca_file_trusts_what_it_holds_and_has_signed(
    started: Started, clock: SteppedClock, tmp_path: Path, kept: str
) -> None:
    file = tmp_path / "信任 ca.pem"
    note = "证书\n".encode()
    file.write_bytes(note + (AUTHORITY if kept == "authority" else SIGNED).pem)
    server = await started(SIGNED)
    assert await log_in(client_of(server, clock, ca_file=str(file))) is None
    assert server.count(LOGIN) == 1


@pytest.mark.parametrize(
    "made",
    [make(signed_by=AUTHORITY, ends=-DAY), make("other.example", signed_by=AUTHORITY), SELF_SIGNED],
    ids=["expired", "other host", "not signed by it"],
)
async def test_a_ca_file_does_not_excuse_name_and_dates(
    started: Started, clock: SteppedClock, tmp_path: Path, made: Made
) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(AUTHORITY.pem)
    server = await started(made)
    assert isinstance(await log_in(client_of(server, clock, ca_file=str(file))), Untrusted)
    assert server.seen == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read"),
        (b" \n", "is empty"),
        (b"hello", "holds no certificate in PEM form"),
        (AUTHORITY.der, "holds no certificate in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no certificate in PEM form"),
    ],
    ids=["missing", "empty", "text", "DER", "damaged"],
)
async def test_a_ca_file_of_no_use_is_named(
    started: Started, clock: SteppedClock, tmp_path: Path, content: bytes | None, words: str
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    server = await started(SIGNED)
    error = await log_in(client_of(server, clock, ca_file=str(file)))
    assert isinstance(error, NotAsked)
    assert f"{file} of factorcat.ca_file" in str(error)
    assert words in str(error)
    assert server.seen == []


@pytest.mark.parametrize("name", ["ca.pem", "certs/ca.pem", "."])
async def test_a_ca_file_needs_a_full_path(started: Started, clock: SteppedClock, name: str) -> None:
    error = await log_in(client_of(await started(SIGNED), clock, ca_file=name))
    assert isinstance(error, NotAsked)
    assert "needs a full path" in str(error)


async def test_a_folder_is_no_ca_file(started: Started, clock: SteppedClock, tmp_path: Path) -> None:
    error = await log_in(client_of(await started(SIGNED), clock, ca_file=str(tmp_path)))
    assert isinstance(error, NotAsked)
    assert f"{tmp_path} of factorcat.ca_file cannot be read" in str(error)


async def test_a_port_without_tls_is_named(clock: SteppedClock) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        factorcat = FactorCatSettings(base_url=f"https://localhost:{port}")
        error = await log_in(FactorCatClient.of(Settings(factorcat=factorcat), clock))
    assert isinstance(error, Unreachable)
    assert "makes no encrypted connection" in str(error)


async def test_a_pin_that_is_set_later_applies_to_the_next_request(started: Started, clock: SteppedClock) -> None:
    server = await started(SELF_SIGNED)
    client = client_of(server, clock)
    with pytest.raises(Untrusted):
        await client.login(USER, PASSWORD)
    factorcat = FactorCatSettings(certificate_sha256=SELF_SIGNED.sha256)
    client.use_settings(Settings(factorcat=factorcat))
    assert await log_in(client) is None


async def test_a_server_that_hangs_in_the_second_look_costs_only_the_description(
    started: Started, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.factorcat.http._LOOK", 0.05)

    async def hangs(*_: object) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr("core.factorcat.http.look_at_certificate", hangs)
    error = await log_in(client_of(await started(SELF_SIGNED), clock))
    assert isinstance(error, Untrusted)
    assert str(error) == error.brief


def test_control_characters_of_a_certificate_reach_no_terminal() -> None:
    made = make(subject="\x1b[31mred\nline")
    assert tls.certificate_of(made.der).text.isprintable()


def test_what_is_no_certificate_has_a_fingerprint_only() -> None:
    assert tls.certificate_of(b"noise").text.startswith("it cannot be read; SHA-256 ")


@pytest.mark.parametrize("text", ["ab", "zz" * 32, "a" * 63, "a" * 65, "a" * 40, "yes"])
def test_what_is_no_sha256_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"this has {len(text)} characters"):
        FactorCatSettings(certificate_sha256=text)


def test_a_pin_and_a_ca_file_together_are_refused() -> None:
    with pytest.raises(ValueError, match="not both"):
        FactorCatSettings(certificate_sha256="a" * 64, ca_file="/ca.pem")


def test_without_settings_the_public_authorities_decide() -> None:
    assert tls.context_for(FactorCatSettings()) is None
