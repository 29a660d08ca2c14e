"""The command line in the language in use: help of commands and options, and what click itself says.

A command's help is its docstring, which the catalogue has like any other sentence. click translates its own sentences
with gettext; `CLICK` and `CLICK_MANY` put them into rotor's catalogue.
"""

import copy
import inspect
from collections.abc import Sequence
from pathlib import Path

import click
from click.formatting import HelpFormatter

from core.i18n import mark, say, use_language, use_language_in_libraries
from tui.cli.help_format import SpokenFormatter

CLICK = (
    mark("Usage:"),
    mark("Options"),
    mark("Commands"),
    mark("Show this message and exit."),
    mark("Show the version and exit."),
    mark("Error: {message}"),
    mark("Aborted!"),
    mark("Missing argument"),
    mark("Missing option"),
    mark("Missing command."),
    mark("Missing parameter"),
    mark("Invalid value: {message}"),
    mark("Invalid value for {param_hint}: {message}"),
    mark("No such command {name!r}."),
    mark("No such option {name!r}."),
    mark("Option {name!r} does not take a value."),
    mark("Try '{command} {option}' for help."),
    mark("Choose from:\n\t{choices}"),
    mark("default: {default}"),
    mark("{value!r} is not a valid {number_type}."),
    mark("{value} is not in the range {range}."),
    mark("{name} {filename!r} does not exist."),
    mark("{name} {filename!r} is a directory."),
    mark("{name} {filename!r} is a file."),
    mark("{name} {filename!r} is not readable."),
    mark("{name} {filename!r} is not writable."),
    mark("file"),
    mark("directory"),
    mark("path"),
    mark("Repeat for confirmation"),
    mark("Error: invalid input"),
    mark("Error: The two entered values do not match."),
    mark("Could not open file {filename!r}: {message}"),
    mark("unknown error"),
)
"""What click says in one form."""

CLICK_MANY = (
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    ("{value!r} does not match the format {format}.", "{value!r} does not match the formats {formats}."),
)
"""What click says by a count."""

_EXAMPLE = "Example: "
"""What an example without any explanation begins with: only this word is translated."""

_METAVARS = {
    "TEXT": mark("TEXT"),
    "INTEGER": mark("INTEGER"),
    "INTEGER RANGE": mark("INTEGER"),
    "FLOAT": mark("NUMBER"),
    "FLOAT RANGE": mark("NUMBER"),
    "FILE": mark("FILE"),
    "DIRECTORY": mark("FOLDER"),
    "PATH": mark("PATH"),
    "AMOUNT": mark("AMOUNT"),
    "[%Y-%m-%d]": mark("[DATE]"),
    "[%Y-%m]": mark("[MONTH]"),
}


class _Context(click.Context):
    formatter_class = SpokenFormatter


class SpokenCommand(click.Command):
    """A command whose help is in the language in use."""

    context_class = _Context

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """As click, with the options and what stands for a value in words of the language."""
        pieces = [say("[OPTIONS]")]
        for param in self.get_params(ctx):
            pieces.extend(_translated(param, ctx).get_usage_pieces(ctx))
        return pieces

    def format_help_text(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """The docstring, translated as a whole."""
        _write_indented(say(help_of(self)), formatter)

    def format_options(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """The options, each with its translated help."""
        _write_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """The examples."""
        if self.epilog:
            _write_epilog(epilog_of(self), formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence of the help; Chinese has no blank after it."""
        return _first_sentence(say(help_of(self)))


class Group(click.Group):
    """A group whose help is in the language in use; the outermost one chooses it before it reads the options."""

    context_class = _Context
    command_class = SpokenCommand
    group_class = type

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        """As click, in the language of the data folder that the arguments name; English for `--json`."""
        if parent is None:
            choose_language(args)
        return super().make_context(info_name, args, parent, **extra)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """As `SpokenCommand`, then what stands for a command."""
        return [*SpokenCommand.collect_usage_pieces(self, ctx), say("COMMAND [ARGS]...")]  # type: ignore[arg-type]

    def format_help_text(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """As `SpokenCommand`."""
        _write_indented(say(help_of(self)), formatter)

    def format_options(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """The options, then the commands."""
        _write_options(self, ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: HelpFormatter) -> None:
        """As `SpokenCommand`."""
        if self.epilog:
            _write_epilog(epilog_of(self), formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """As `SpokenCommand`."""
        return _first_sentence(say(help_of(self)))


def help_of(command: click.Command) -> str:
    """A command's help as the catalogue has it."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def epilog_of(command: click.Command) -> str:
    """A command's examples as the catalogue has them."""
    return (command.epilog or "").replace("\b\n", "")


def sentences(command: click.Command) -> list[str]:
    """What the help of a command and of everything below it says in English."""
    own = [help_of(command), *(text for text in [epilog_of(command)] if not text.startswith(_EXAMPLE))]
    own += [param.help for param in command.params if isinstance(param, click.Option) and param.help]
    if isinstance(command, click.Group):
        own += [text for below in command.commands.values() if not below.hidden for text in sentences(below)]
    return [text for text in own if text]


def choose_language(args: Sequence[str]) -> None:
    """Speak the language of the settings, that of the machine where they are invalid, English for scripts."""
    from core.infra.config import SettingsError
    from tui.cli.context import home_at, settings_of

    if "--json" in args:
        use_language("en")
    else:
        try:
            use_language(settings_of(home_at(_home_in(args))).language)
        except (SettingsError, OSError):
            use_language("auto")
    use_language_in_libraries()


def _home_in(args: Sequence[str]) -> Path | None:
    """What `--home` names; None where it is not given."""
    for place, word in enumerate(args):
        if word.startswith("--home="):
            return Path(word.removeprefix("--home="))
        if word == "--home" and place + 1 < len(args):
            return Path(args[place + 1])
    return None


def _translated(param: click.Parameter, context: click.Context) -> click.Parameter:
    """A copy of an option or argument that says its help and its value in the language in use."""
    spoken = copy.copy(param)
    if isinstance(spoken, click.Option) and spoken.help:
        spoken.help = say(spoken.help)
    # A metavar that is shown with brackets or in the plural keeps them.
    if spoken.metavar is None and (word := _METAVARS.get(spoken.make_metavar(context))) is not None:
        spoken.metavar = say(word)
    return spoken


def _write_options(command: click.Command, context: click.Context, formatter: HelpFormatter) -> None:
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    records = [_translated(option, context).get_help_record(context) for option in options]
    if rows := [record for record in records if record is not None]:
        with formatter.section(say("Options")):
            formatter.write_dl(rows)


def _write_indented(text: str, formatter: HelpFormatter) -> None:
    if text:
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(text)


def _write_epilog(text: str, formatter: HelpFormatter) -> None:
    """Examples keep their lines."""
    formatter.write_paragraph()
    told = say("Example: {command}", command=text[len(_EXAMPLE) :]) if text.startswith(_EXAMPLE) else say(text)
    formatter.write_text("\n\n".join(f"\b\n{part}" for part in told.split("\n\n")))


def _first_sentence(text: str) -> str:
    """Up to its full stop, without it, on one line."""
    line = " ".join(text.partition("\n\n")[0].split())
    for stop in ("。", ". "):
        line = line.partition(stop)[0]
    return line.removesuffix(".").strip()
