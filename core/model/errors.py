"""Every exception of this project, by what its catcher does about it.

RotorError
  RefusedError      rotor declines on purpose and nothing was sent: show the sentence
  UnavailableError  another party did not answer (network, terminal, keyring, a file in use): try again later
  InvalidDataError  what came in cannot be believed: keep what is known, name the source
  SetupError        settings, data folder or machine do not allow it: the user has to change something

The classes themselves live beside the code that raises them. Each message is a sentence for the user, in the user's
language: what happened, what it means, what to do.
"""


class RotorError(Exception):
    """The base of every exception that this project raises on purpose."""


class RefusedError(RotorError):
    """rotor declines on purpose; nothing was sent and nothing was changed."""


class UnavailableError(RotorError):
    """Another party did not answer, or not in time."""


class InvalidDataError(RotorError):
    """What came in cannot be read or believed."""


class SetupError(RotorError):
    """Settings, data folder or machine do not allow it."""
