"""Passwords come from the environment or the keyring, and a keyring that fails says so in words."""

import pytest
from keyring import set_keyring
from keyring.backend import KeyringBackend
from keyring.errors import NoKeyringError, PasswordDeleteError
from pydantic import SecretStr

from core.credentials import forget, remember, remembered_password
from core.model.known import Known, Unknown

SECRET = SecretStr("p@ss word")


class MemoryKeyring(KeyringBackend):
    priority = 1  # pyright: ignore[reportAssignmentType]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


class BrokenKeyring(KeyringBackend):
    priority = 1  # pyright: ignore[reportAssignmentType]

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def get_password(self, service: str, username: str) -> str | None:
        raise self.error

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self.error

    def delete_password(self, service: str, username: str) -> None:
        raise self.error


class WindowsError1312(Exception):
    """As pywintypes.error: no KeyringError, with its number in `winerror`."""

    winerror = 1312


@pytest.fixture(autouse=True)
def keyring(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    monkeypatch.setattr("keyring.core._keyring_backend", None)
    backend = MemoryKeyring()
    set_keyring(backend)
    return backend


def test_what_is_remembered_comes_back_for_its_user_only(keyring: MemoryKeyring) -> None:
    assert remember("张三", SECRET) is None
    assert remembered_password("张三", {}) == Known(SECRET)
    assert remembered_password("李四", {}) == Known(None)
    assert remembered_password("", {}) == Known(None)
    assert keyring.kept == {("rotor", "factorcat:张三"): "p@ss word"}


def test_the_variable_goes_before_the_keyring() -> None:
    remember("a", SECRET)
    assert remembered_password("a", {"ROTOR_FACTORCAT__PASSWORD": "other"}) == Known(SecretStr("other"))
    assert remembered_password("a", {"ROTOR_FACTORCAT__PASSWORD": ""}) == Known(SECRET)


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROTOR_FACTORCAT__PASSWORD", "other")
    assert remembered_password("a") == Known(SecretStr("other"))


def test_forgetting_twice_is_no_failure() -> None:
    remember("a", SECRET)
    assert forget("a") is None
    assert forget("a") is None
    assert remembered_password("a", {}) == Known(None)


def test_a_windows_ssh_session_is_explained() -> None:
    set_keyring(BrokenKeyring(WindowsError1312(1312, "CredWrite", "A specified logon session does not exist.")))
    found = remembered_password("a", {})
    assert isinstance(found, Unknown)
    for sentence in (found.reason, remember("a", SECRET), forget("a")):
        assert sentence is not None
        assert "Windows keeps no credentials in an ssh session" in sentence
        assert "ROTOR_FACTORCAT__PASSWORD" in sentence
        assert "type the password each time" in sentence


def test_any_other_failure_is_a_sentence_too() -> None:
    set_keyring(BrokenKeyring(NoKeyringError("No recommended backend\nwas available.")))
    assert remember("a", SECRET) == (
        "The password cannot be kept in the keyring: No recommended backend was available. "
        "Set ROTOR_FACTORCAT__PASSWORD, or type the password each time."
    )


def test_a_backend_that_repeats_the_password_does_not_get_through() -> None:
    set_keyring(BrokenKeyring(ValueError(f"cannot store {SECRET.get_secret_value()}")))
    sentence = remember("a", SECRET)
    assert sentence is not None
    assert SECRET.get_secret_value() not in sentence


def test_no_repr_tells_the_password() -> None:
    remember("a", SECRET)
    assert SECRET.get_secret_value() not in repr(remembered_password("a", {}))
