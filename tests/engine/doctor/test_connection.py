"""The way to the platform: each step that fails is named alone, with its own remedy, and no password is sent."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.engine.doctor.connection import check_connection
from core.model.finding import CheckResult, Finding
from core.model.settings import FactorCatSettings, NetworkSettings, Settings
from tests.factorcat.certificates import make
from tests.factorcat.server import Server, answer, drip, free_port, raw, silence

CERTIFICATE = make()
STEPS = ("dns", "tcp", "tls", "http")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    await server.start()
    server.on("/", answer(404, {"detail": "Not Found"}))
    yield server
    await server.stop()


@pytest.fixture
async def encrypted(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server()
    await server.start(CERTIFICATE.server_context(tmp_path))
    server.on("/", answer(404, {"detail": "Not Found"}))
    yield server
    await server.stop()


async def found(address: str, proxy: str = "none", **changes: Any) -> dict[str, Finding]:
    factorcat = FactorCatSettings(base_url=address, **changes)
    findings = await check_connection(Settings(factorcat=factorcat, network=NetworkSettings(proxy=proxy)))
    assert tuple(finding.name for finding in findings) == STEPS
    return {finding.name: finding for finding in findings}


def failed_at(findings: dict[str, Finding], step: str, words: str, remedy: str) -> None:
    """Only this step failed; those before it are well, those after it were not looked at."""
    place = STEPS.index(step)
    states = [findings[name].state for name in STEPS]
    assert states == [CheckResult.OK] * place + [CheckResult.FAILED] + [CheckResult.NOTE] * (3 - place), findings
    assert words in findings[step].text
    assert remedy in findings[step].remedy


async def test_a_platform_that_answers_passes_every_step(server: Server) -> None:
    findings = await found(server.url)
    assert {finding.state for finding in findings.values()} == {CheckResult.OK}
    assert "HTTP 404" in findings["http"].text
    assert [(seen.method, seen.path, seen.body) for seen in server.seen] == [("GET", "/", b"")]


async def test_a_pinned_certificate_passes(encrypted: Server) -> None:
    findings = await found(f"https://localhost:{encrypted.port}", certificate_sha256=CERTIFICATE.sha256)
    assert {finding.state for finding in findings.values()} == {CheckResult.OK}
    assert "subject CN=因子猫" in findings["tls"].text


async def test_a_name_that_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such_name(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_such_name)
    findings = await found("https://factorcat.invalid:8003")
    failed_at(findings, "dns", "the name factorcat.invalid is not found", "DNS server")
    findings = await found("https://factorcat.example", "socks5://proxy.invalid:9")
    failed_at(findings, "dns", "the name proxy.invalid is not found", "network.proxy")


async def test_a_port_where_nothing_listens() -> None:
    port = free_port()
    findings = await found(f"https://127.0.0.1:{port}")
    failed_at(findings, "tcp", f"127.0.0.1 refuses connections on port {port}", "the port in factorcat.base_url")


async def test_a_certificate_that_is_not_trusted(encrypted: Server) -> None:
    findings = await found(f"https://localhost:{encrypted.port}")
    failed_at(findings, "tls", "is not valid (self-signed", "compare this fingerprint")
    assert f'certificate_sha256 = "{CERTIFICATE.sha256.upper()[:2]}:' in findings["tls"].remedy
    assert encrypted.seen == []


async def test_another_certificate_than_the_pinned_one(encrypted: Server) -> None:
    findings = await found(f"https://localhost:{encrypted.port}", certificate_sha256=make().sha256)
    failed_at(findings, "tls", "is not the one of factorcat.certificate_sha256", "compare this fingerprint")
    assert encrypted.seen == []


async def test_a_ca_file_of_no_use(encrypted: Server, tmp_path: Path) -> None:
    file = tmp_path / "missing.pem"
    findings = await found(f"https://localhost:{encrypted.port}", ca_file=str(file))
    failed_at(findings, "tls", f"{file} of factorcat.ca_file cannot be read", "Correct factorcat.ca_file")


@pytest.mark.parametrize(
    ("reply", "timeout", "words", "remedy"),
    [
        (silence(), 1, "no answer within 1 s", "factorcat.timeout"),
        (raw(502, b"<html>Bad Gateway</html>"), 60, "has a fault (HTTP 502)", "few minutes"),
        (raw(301, b"", "Location: https://elsewhere.example/\r\n"), 60, "sends on to another address", "base_url"),
    ],
    ids=["silent", "502", "redirect"],
)
async def test_an_answer_of_no_use(server: Server, reply: Any, timeout: int, words: str, remedy: str) -> None:
    server.on("/", reply)
    failed_at(await found(server.url, timeout=timeout), "http", words, remedy)


async def test_what_speaks_no_http(server: Server) -> None:
    async def greets(_: Any, writer: Any) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")

    server.on("/", greets)
    failed_at(await found(server.url), "http", "does not speak HTTP", "port in factorcat.base_url")


async def test_an_answer_that_begins_in_time_is_enough(server: Server) -> None:
    server.on("/prefix/", drip({}))
    findings = await found(f"{server.url}/prefix/")
    assert findings["http"].state is CheckResult.OK
    assert server.seen[0].path == "/prefix/"
