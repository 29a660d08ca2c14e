"""The rows of the Settings screen, and what is said about the one under the cursor."""

from decimal import Decimal, InvalidOperation

from rich.text import Text

from core.i18n import mark, say
from core.model.settings_rows import SecretRow, SettingRow
from tui.screens.dialogs import Fact
from tui.screens.settings_dialogs import name_of, unit_of
from tui.widgets.columns import TableRow, cell
from tui.widgets.text import facts
from tui.widgets.theme import STYLES, Tone, styled

_SOURCES = {
    "file": mark("file"),
    "environment": mark("variable"),
    "default": mark("default"),
    "keyring": mark("keyring"),
    "safe": mark("encrypted"),
    "session": mark("session"),
}
SECRETS = {
    "factorcat": mark("password of Factor Cat"),
    "email": mark("password of the mail server"),
    "push": mark("Apprise addresses of push services, separated by spaces"),
}


def setting_row(setting: SettingRow) -> TableRow:
    changed = setting.value != setting.default
    value = f"{setting.value}  ({setting.in_use})" if setting.pending else setting.value
    tone = Tone.WARN if setting.pending else Tone.STRONG if changed else Tone.TEXT
    return TableRow(
        setting.key,
        (
            cell("  " + name_of(setting.key)),
            cell(value or say("(empty)"), tone if value else Tone.DIM),
            cell(unit_of(setting.key), Tone.DIM),
            cell(setting.key, Tone.DIM),
            cell(say(_SOURCES[setting.source]), Tone.DIM),
            cell(say(setting.about), Tone.DIM),
        ),
    )


def secret_row(row: SecretRow) -> TableRow:
    state = say("stored") if row.stored else say("not known") if row.trouble else say("none")
    return TableRow(
        f"secret-{row.name}",
        (
            cell("  " + (say("Addresses") if row.name == "push" else say("Password"))),
            cell(state, Tone.GOOD if row.stored else Tone.WARN if row.trouble else Tone.DIM),
            cell(""),
            cell(""),
            cell(say(_SOURCES[row.source]) if row.source else "", Tone.DIM),
            cell(say(SECRETS[row.name]), Tone.DIM),
        ),
    )


def setting_detail(setting: SettingRow) -> Text:
    """In a few lines below the table."""
    text = styled(
        (name_of(setting.key), Tone.STRONG),
        f"  {say(setting.about)}\n",
        (say("Default"), Tone.DIM),
        f" {setting.default or say('(empty)')}   ",
    )
    if setting.bounds:
        text.append(f"{say('Allowed')} ", STYLES[Tone.DIM]).append(f"{_allowed(setting)}   ", STYLES[Tone.TEXT])
    for note, tone in _notes(setting):
        text.append(f"{note} ", STYLES[tone])
    return text


def setting_figures(setting: SettingRow) -> Text:
    """Beside the table, a line for each."""
    empty = say("(empty)")
    rows: list[Fact] = [
        (say("Set to"), with_percentage(setting, setting.value) or empty, Tone.STRONG),
        (say("Default"), with_percentage(setting, setting.default) or empty, Tone.TEXT),
    ]
    if setting.bounds or setting.choices:
        rows.append((say("Allowed"), _allowed(setting), Tone.TEXT))
    rows.append((say("From"), say(_SOURCES[setting.source]), Tone.TEXT))
    rows.append((say("Key"), setting.key, Tone.DIM))
    text = styled((name_of(setting.key), Tone.STRONG), f"\n{say(setting.about)}\n\n")
    text.append_text(facts(rows))
    for note, tone in _notes(setting):
        text.append(f"\n\n{note}", STYLES[tone])
    return text


def _allowed(setting: SettingRow) -> str:
    if not setting.bounds:
        return " | ".join(setting.choices)
    return f"{setting.bounds} {unit_of(setting.key)}".rstrip()


def _notes(setting: SettingRow) -> list[tuple[str, Tone]]:
    notes: list[tuple[str, Tone]] = []
    if setting.pending:
        notes.append((say("In use: {value}.", value=setting.in_use or say("(empty)")), Tone.WARN))
    if setting.source == "environment":
        notes.append((say("An environment variable sets it, whatever the file says."), Tone.WARN))
    if not setting.at_once:
        notes.append((say("A change needs a restart."), Tone.WARN if setting.pending else Tone.DIM))
    return notes


def secret_detail(row: SecretRow) -> Text:
    text = styled((say(SECRETS[row.name]), Tone.STRONG), "  ")
    if row.trouble:
        return text.append(row.trouble, STYLES[Tone.WARN])
    if row.source == "environment":
        return text.append(
            say("Set by an environment variable, which takes precedence over the keyring."), STYLES[Tone.DIM]
        )
    if row.source == "safe":
        return text.append(say("Stored in the encrypted file; enter sets it, x deletes it."), STYLES[Tone.DIM])
    if row.source == "session":
        return text.append(say("Stored until rotor exits; enter sets it, x deletes it."), STYLES[Tone.WARN])
    return text.append(say("Stored in the system's keyring; enter sets it, x deletes it."), STYLES[Tone.DIM])


def with_percentage(setting: SettingRow, text: str) -> str:
    """A ratio with what it is in percent: 0.5 and 0.05 are easily confused."""
    try:
        return f"{text} ({(Decimal(text) * 100).normalize():f} %)" if setting.ratio else text
    except InvalidOperation:
        return text
