"""Secrets come from the environment, the session, the keyring or credentials file; keyring failures are reported."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from keyring import get_keyring, set_keyring
from keyring.backend import KeyringBackend
from keyring.errors import InitError, KeyringLocked, NoKeyringError
from pydantic import SecretStr

from core.infra import credentials_file
from core.infra.credentials import TOKEN, Credentials, platform_account
from core.infra.credentials_file import CredentialsFile, CredentialsFileLocked
from core.model.known import Known, Unknown
from core.model.settings import FactorCatSettings
from tests.infra.keyrings import (
    BrokenKeyring,
    HangingKeyring,
    MemoryKeyring,
    NullKeyring,
    PlaintextKeyring,
    WindowsError,
)

SECRET = SecretStr("p@ss word")
PASSPHRASE = SecretStr("correct horse")


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryKeyring]:
    monkeypatch.setattr(credentials_file, "_N", 2**10)  # the cost is tested once, in test_safe
    before, backend = get_keyring(), MemoryKeyring()
    set_keyring(backend)
    yield backend
    set_keyring(before)


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    return vault_at(tmp_path)


def vault_at(folder: Path, patience: float = 30.0, **environ: str) -> Credentials:
    return Credentials(CredentialsFile(folder / "secrets.json"), environ, patience)


def test_a_stored_password_is_returned_for_its_user_only(credentials: Credentials, ring: MemoryKeyring) -> None:
    assert credentials.keep("张三", SECRET).where == "keyring"
    assert credentials.read("张三") == Known(SECRET)
    assert credentials.read("李四") == Known(None)
    assert credentials.read("张三", "email") == Known(None)
    assert credentials.read("") == Known(None)
    assert ring.kept == {("rotor", "factorcat:张三"): "p@ss word"}


def test_a_variable_overrides_the_keyring(credentials: Credentials, tmp_path: Path) -> None:
    credentials.keep("a", SECRET)
    told = vault_at(tmp_path, ROTOR_FACTORCAT__PASSWORD="other")
    assert told.find("a") == Known((SecretStr("other"), "environment"))
    assert vault_at(tmp_path, ROTOR_FACTORCAT__PASSWORD="").read("a") == Known(SECRET)
    mail = vault_at(tmp_path, ROTOR_NOTIFY__EMAIL__PASSWORD="mail")
    assert mail.read("me@example.com", "email") == Known(SecretStr("mail"))


def test_deleting_twice_is_no_failure(credentials: Credentials, ring: MemoryKeyring) -> None:
    credentials.keep("a", SECRET)
    assert credentials.forget("a") is None
    assert credentials.forget("a") is None
    assert ring.kept == {}


def failing(text: str = "it is locked") -> Callable[[str], Exception]:
    return lambda password: KeyringLocked(text)


FAULTS: list[tuple[str, Callable[[], KeyringBackend], str]] = [
    (
        "none at all",
        lambda: BrokenKeyring(lambda _: NoKeyringError("No recommended\nbackend was found.")),
        "this machine has none",
    ),
    (
        "Windows over ssh",
        lambda: BrokenKeyring(lambda _: WindowsError(1312, "CredWrite", "no such session")),
        "Windows stores no credentials in an ssh session",
    ),
    (
        "too long for Windows",
        lambda: BrokenKeyring(lambda _: WindowsError(1783, "CredWrite", "The stub received bad data"), "set"),
        "takes 1,280 characters at most",
    ),
    (
        "another Windows error",
        lambda: BrokenKeyring(lambda _: WindowsError(5, "CredWrite", "access denied")),
        "access denied",
    ),
    ("locked", lambda: BrokenKeyring(failing()), "it is locked"),
    ("no session bus", lambda: BrokenKeyring(lambda _: InitError("Failed to create the collection: no bus")), "no bus"),
    ("takes and keeps nothing", NullKeyring, "it accepted the password but did not store it"),
    ("a plain file", PlaintextKeyring, "stores passwords in a plain file"),
    (
        "repeats the password",
        lambda: BrokenKeyring(lambda password: ValueError(f"cannot store {password}"), "set"),
        "cannot store ***",
    ),
    ("raises without a word", lambda: BrokenKeyring(lambda _: OSError()), "OSError"),
]


@pytest.mark.parametrize(("backend", "reason"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_a_failing_keyring_keeps_the_password_for_this_session(
    backend: Callable[[], KeyringBackend], reason: str, credentials: Credentials, tmp_path: Path
) -> None:
    set_keyring(backend())
    kept = credentials.keep("a", SECRET)
    assert kept.where == "session"
    assert kept.trouble.startswith("The password cannot be stored in the keyring: ")
    assert reason in kept.trouble
    assert "ROTOR_FACTORCAT__PASSWORD" in kept.trouble
    assert SECRET.get_secret_value() not in kept.trouble
    assert credentials.find("a") == Known((SECRET, "session"))
    assert credentials.probe() is not None
    # The next start does not have it, and it is not on the disk.
    after = vault_at(tmp_path).read("a")
    assert isinstance(after, Unknown) or after == Known(None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("backend", [fault[1] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_the_credentials_file_replaces_the_keyring_and_back(
    backend: Callable[[], KeyringBackend], credentials: Credentials, tmp_path: Path
) -> None:
    set_keyring(backend())
    credentials.keep("a", SECRET)
    credentials.open(PASSPHRASE)
    assert credentials.find("a") == Known((SECRET, "safe"))
    assert credentials.keep("b", SecretStr("another")).where == "safe"
    after = vault_at(tmp_path)
    assert after.locked
    shut = after.read("a")
    assert isinstance(shut, Unknown)
    assert "not opened yet" in shut.reason
    after.open(PASSPHRASE)
    assert not after.locked
    assert after.read("a") == Known(SECRET)
    assert after.read("b") == Known(SecretStr("another"))


def test_an_unresponsive_keyring_times_out(tmp_path: Path) -> None:
    set_keyring(HangingKeyring())
    credentials = vault_at(tmp_path, patience=0.05)
    found = credentials.read("a")
    assert isinstance(found, Unknown)
    assert "it may be waiting for you" in found.reason
    assert credentials.keep("a", SECRET).where == "session"


def test_deleting_needs_no_passphrase_and_removes_everything(credentials: Credentials, tmp_path: Path) -> None:
    set_keyring(FAULTS[0][1]())
    credentials.keep("a", SECRET)
    credentials.open(PASSPHRASE)
    later = vault_at(tmp_path)
    assert later.locked
    assert later.forget("a") is None
    assert {path.name for path in tmp_path.iterdir()} <= {".secrets.json.lock"}  # Windows removes it too
    assert not later.locked
    assert later.read("a") != Known(SECRET)


def test_a_keyring_that_cannot_confirm_the_deletion_is_reported(credentials: Credentials) -> None:
    set_keyring(BrokenKeyring(failing()))
    trouble = credentials.forget("a")
    assert trouble is not None
    assert trouble.startswith("The password cannot be removed from the keyring: it is locked.")
    set_keyring(FAULTS[0][1]())
    assert credentials.forget("a") is None  # a keyring that is none has nothing


def test_a_wrong_passphrase_leaves_the_file_locked(credentials: Credentials, tmp_path: Path) -> None:
    set_keyring(FAULTS[0][1]())
    credentials.keep("a", SECRET)
    credentials.open(PASSPHRASE)
    after = vault_at(tmp_path)
    with pytest.raises(CredentialsFileLocked, match="not the passphrase"):
        after.open(SecretStr("wrong horse"))
    assert after.locked


def test_no_repr_shows_the_password(credentials: Credentials) -> None:
    credentials.keep("a", SECRET)
    assert SECRET.get_secret_value() not in repr(credentials.find("a")) + repr(vars(credentials))


def too_long(limit: int = 1280) -> BrokenKeyring:
    """Windows' vault: it refuses long entries and keeps the old one."""
    return BrokenKeyring(lambda text: WindowsError(1783, "CredWrite", "bad data") if len(text) > limit else None, "set")


def test_the_newest_entry_wins_wherever_it_is(credentials: Credentials, tmp_path: Path) -> None:
    ring = too_long()
    set_keyring(ring)
    credentials.open(PASSPHRASE)
    long = SecretStr("x" * 1281)
    assert credentials.keep("a", SECRET).where == "keyring"
    assert credentials.keep("a", long).where == "safe"
    assert ring.kept == {}
    assert credentials.read("a") == Known(long)
    assert credentials.keep("a", SECRET).where == "keyring"
    later = vault_at(tmp_path)
    assert later.find("a") == Known((SECRET, "keyring"))
    assert not (tmp_path / "secrets.json").exists()


def test_an_old_keyring_entry_that_cannot_be_removed_does_not_hide_the_newer_one(
    credentials: Credentials, tmp_path: Path
) -> None:
    """Over ssh Windows' store does not answer; on the desktop it does, with the old password."""
    ring = MemoryKeyring()
    set_keyring(ring)
    credentials.keep("a", SecretStr("old"))
    credentials.keep("b", SECRET)
    set_keyring(BrokenKeyring(lambda _: WindowsError(1312, "CredWrite")))
    assert credentials.keep("a", SecretStr("new")).where == "session"
    credentials.open(PASSPHRASE)
    set_keyring(ring)
    assert credentials.find("a") == Known((SecretStr("new"), "safe"))
    later = vault_at(tmp_path)
    assert isinstance(later.read("a"), Unknown)
    assert later.read("b") == Known(SECRET), "the others need no passphrase"
    later.open(PASSPHRASE)
    assert later.read("a") == Known(SecretStr("new"))


def test_a_damaged_file_does_not_hide_the_keyring(credentials: Credentials, tmp_path: Path) -> None:
    credentials.keep("a", SECRET)
    (tmp_path / "secrets.json").write_bytes(b"noise")
    assert vault_at(tmp_path).read("a") == Known(SECRET)
    assert credentials.keep("a", SECRET).where == "keyring"
    found = vault_at(tmp_path).read("b")
    assert isinstance(found, Unknown)
    assert "damaged" in found.reason


def at(address: str, user: str = "me@example.com") -> str:
    return platform_account(FactorCatSettings(base_url=address, username=user))


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("https://api.yinzimao.com:8003", "me@example.com@api.yinzimao.com:8003"),
        ("https://API.yinzimao.com:8003/", "me@example.com@api.yinzimao.com:8003"),
        ("https://api.yinzimao.com", "me@example.com@api.yinzimao.com:443"),
        ("https://api.yinzimao.com:443/prefix/", "me@example.com@api.yinzimao.com:443/prefix"),
        ("http://[::1]:8003/", "me@example.com@[::1]:8003"),
        ("http://localhost", "me@example.com@localhost:80"),
    ],
)
def test_an_account_is_a_user_at_an_address(address: str, account: str) -> None:
    assert at(address) == account
    assert at(address, "") == ""


def test_a_password_of_one_address_is_not_that_of_another(credentials: Credentials) -> None:
    here, there = at("https://here.example:8003"), at("https://there.example:8003")
    credentials.keep(here, SECRET)
    credentials.keep(there, SecretStr("another"))
    assert credentials.read(here) == Known(SECRET)
    assert credentials.read(there) == Known(SecretStr("another"))
    assert credentials.read(at("https://here.example:8001")) == Known(None)
    assert credentials.read(at("https://here.example:8003", "you")) == Known(None)
    assert credentials.forget(here) is None
    assert credentials.read(there) == Known(SecretStr("another"))


@pytest.mark.parametrize("service", ["factorcat", TOKEN])
@pytest.mark.parametrize("file", [False, True])
def test_an_entry_of_an_earlier_version_goes_to_the_address_that_claims_it(
    credentials: Credentials, ring: MemoryKeyring, service: str, file: bool
) -> None:
    if file:
        set_keyring(FAULTS[0][1]())
        credentials.open(PASSPHRASE)
    credentials.keep("me@example.com", SECRET, service)
    here, there = at("https://here.example"), at("https://there.example")
    assert credentials.read(here, service) == Known(SECRET)
    credentials.claim(here)
    assert credentials.read(here, service) == Known(SECRET)
    assert credentials.read(there, service) == Known(None)
    assert credentials.read("me@example.com", service) == Known(None)
    credentials.claim(there)
    assert credentials.read(there, service) == Known(None)
    if not file:
        assert ring.kept == {("rotor", f"{service}:{here}"): SECRET.get_secret_value()}


def test_a_newer_password_is_not_replaced_by_an_earlier_version_s(credentials: Credentials) -> None:
    here = at("https://here.example")
    credentials.keep("me@example.com", SECRET)
    credentials.keep(here, SecretStr("newer"))
    credentials.claim(here)
    assert credentials.read(here) == Known(SecretStr("newer"))
    assert credentials.forget(here) is None
    assert credentials.read(here) == Known(None)


def test_a_claim_that_cannot_be_stored_keeps_the_earlier_entry(credentials: Credentials) -> None:
    ring = BrokenKeyring(failing(), "set")
    ring.kept = {("rotor", "factorcat:me"): "old"}
    set_keyring(ring)
    credentials.claim(at("https://here.example", "me"))
    assert ring.kept == {("rotor", "factorcat:me"): "old"}
    assert credentials.read(at("https://here.example", "me")) == Known(SecretStr("old"))
