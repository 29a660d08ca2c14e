"""A setting as a screen shows it, and what can be done with one."""

from dataclasses import dataclass
from typing import Literal

Source = Literal["file", "environment", "default"]
Kind = Literal["text", "choice", "switch"]
SecretName = Literal["factorcat", "email", "push"]
SecretSource = Literal["environment", "session", "keyring", "safe", ""]
"""Where a secret is: the safe is an encrypted file in the home; the session is this run, and ends with it."""

MASK = "***"
"""What stands for a value that may hold a secret."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One key. `value` is what the next start will use, `in_use` what this run uses;

    `about` is English and in the catalogues. `at_once`: a change shows without a restart;
    `money`: a change is asked about.
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

    @property
    def group(self) -> str:
        """The table that it stands in; empty for the top."""
        return self.key.rpartition(".")[0]

    @property
    def hidden(self) -> bool:
        """Whether the value may hold a secret and is masked."""
        return self.value == MASK

    @property
    def pending(self) -> bool:
        """Whether the next start will use something else than this run does."""
        return self.value != self.in_use


@dataclass(frozen=True, slots=True)
class SecretRow:
    """A password, or the addresses of push services: whether there is one and where it comes from, never what it is.

    `trouble`: why nobody knows.
    """

    name: SecretName
    stored: bool
    source: SecretSource
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class SettingsTable:
    """All settings and passwords of a home; `file` is where they are written.

    `locked`: there is an encrypted file of passwords that waits for its passphrase.
    """

    file: str
    rows: tuple[SettingRow, ...]
    secrets: tuple[SecretRow, ...]
    locked: bool = False


@dataclass(frozen=True, slots=True)
class SecretStored:
    """What became of a secret. `trouble`: why it is kept for this session only; empty where it outlives that."""

    text: str
    trouble: str = ""
