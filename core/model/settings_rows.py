"""Settings and passwords as the Settings screen shows them."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["file", "environment", "default"]
Kind = Literal["text", "choice", "switch"]
SecretName = Literal["factorcat", "email", "push"]
SecretSource = Literal["environment", "session", "keyring", "safe", ""]
"""Where a secret is: "safe" is the encrypted file in the data folder, "session" lasts until rotor ends."""

MASK = "***"
"""Shown in place of a value that may hold a secret."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One key. `value` is what the file and the environment say, `in_use` what the engine works by now.

    `about` is English and in the catalogues. `at_once`: no restart is needed; `money`: a change is confirmed first;
    `ratio`: 1 is 100 %; `bounds`: the allowed numbers, such as "1 - 600" or ">= 0".
    """

    key: str
    about: str
    value: str
    in_use: str
    default: str
    source: Source
    kind: Kind
    choices: tuple[str, ...] = ()
    at_once: bool = False
    money: bool = False
    ratio: bool = False
    bounds: str = ""

    @property
    def group(self) -> str:
        """The table that holds it; empty at the top level."""
        return self.key.rpartition(".")[0]

    @property
    def hidden(self) -> bool:
        """Whether the value may hold a secret and is masked."""
        return self.value == MASK

    @property
    def pending(self) -> bool:
        """Whether the value is not in use yet."""
        return self.value != self.in_use

    @property
    def needs_restart(self) -> bool:
        """Whether the value is in use only after a restart."""
        return self.pending and not self.at_once


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A password, or the addresses of push services: whether it is stored and where, never what it is.

    `trouble`: why that cannot be found out.
    """

    name: SecretName
    stored: bool
    source: SecretSource
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SettingsTable:
    """All settings and passwords; `file` is where settings are written.

    `locked`: the encrypted file of passwords waits for its passphrase.
    """

    file: str
    rows: tuple[SettingRow, ...]
    secrets: tuple[SecretRow, ...]
    locked: bool = False


@dataclass(frozen=True, slots=True)
class SecretStored:
    """Where a secret was stored. `trouble`: why it lasts only until rotor ends; empty where it is kept."""

    text: str
    trouble: str = ""
