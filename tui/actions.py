"""Every action of the app, once: it feeds the key bindings, the footer, the palette and the help."""

from dataclasses import dataclass

from textual.binding import Binding, BindingType

from core.i18n import mark


@dataclass(frozen=True, slots=True)
class PaneInfo:
    """A screen that a digit opens; `about` is its two sentences in the help; both are marked."""

    id: str
    key: str
    title: str
    about: str


@dataclass(frozen=True, slots=True)
class Action:
    """`id` is `pane.name` ("app" for everywhere); `key` as Textual spells it, `key_label` as the user reads it.

    `label` and `help` are marked.
    """

    id: str
    key: str
    label: str
    help: str
    key_label: str = ""
    footer: bool = True

    @property
    def pane(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]

    @property
    def key_text(self) -> str:
        return self.key_label or self.key


PANES = (
    PaneInfo(
        "home",
        "1",
        mark("Home"),
        mark(
            "What runs, what comes next, what the account holds, and what happened last. If trading is off, the "
            "reasons are here, and so is a run that was missed: it is offered and never starts by itself. The "
            "trading controls are here too: each asks first, and each stays in force after a restart. Where the top "
            "does not fit, tab goes to it and the arrows scroll it."
        ),
    ),
    PaneInfo(
        "strategies",
        "2",
        mark("Strategies"),
        mark(
            "Your strategies on Factor Cat, their backtest records, and each record's list of today. The "
            "record in use decides what the next rebalance buys and sells."
        ),
    ),
    PaneInfo(
        "plan",
        "3",
        mark("Plan"),
        mark("What a rebalance would do now, with a reason for every row. Nothing is sent until you execute it."),
    ),
    PaneInfo(
        "positions",
        "4",
        mark("Positions"),
        mark(
            "What the account holds. 'Ours' belongs to the strategy and may be sold by it; the rest is "
            "yours, left alone. SL and TP are the prices at which a stop sells what is ours, To SL/TP how "
            "far the nearest of them is; 'through' means that it was reached. Guard says whether the stop "
            "is armed, and what it waits for if not. Red is up and green is down, and the sign says it too."
        ),
    ),
    PaneInfo(
        "orders",
        "5",
        mark("Orders"),
        mark("Today's orders, newest first. An order in state unknown may be live: it is looked up, never sent again."),
    ),
    PaneInfo(
        "log",
        "6",
        mark("Log"),
        mark(
            "The log file of a day, today's to begin with. Moving the cursor pauses following; older lines "
            "come as the cursor reaches the top. A search marks what it finds and jumps to it, n and N go "
            "on from there."
        ),
    ),
    PaneInfo(
        "report",
        "7",
        mark("Report"),
        mark(
            "What the strategy's trading earned and cost in a span of days. Realised is after fees, over "
            "the average cost; open is what the rest would bring at the last price. Slippage is measured "
            "against the list's price and against the arrival, the last price when the order was decided; "
            "above zero is worse, '--' was not recorded. The equity is the account's: money paid in or out "
            "is in it, so its change is then not the return."
        ),
    ),
    PaneInfo(
        "settings",
        "8",
        mark("Settings"),
        mark(
            "Every setting of this home, what it is now, where that comes from and what it does. A change "
            "is checked as you type and written to config.toml, whose comments stay. Passwords go to the "
            "system's keyring, or to a file that a passphrase opens."
        ),
    ),
)

ACTIONS = (
    Action("home.login", "l", mark("Log in"), mark("Log in to Factor Cat")),
    Action("home.open", "enter", mark("Read"), mark("Read the event under the cursor in full")),
    Action(
        "home.pause",
        "b",
        mark("Pause"),
        mark("Pause buys: nothing is bought until R; sells and stops go on. Asks first"),
    ),
    Action("home.halt", "h", mark("Halt"), mark("Send nothing new until R, no stop either. Asks first")),
    Action("home.resume", "R,shift+r", mark("Resume"), mark("End the pause of buys, or the halt. Asks first"), "R"),
    Action(
        "home.flatten",
        "F,shift+f",
        mark("Flatten"),
        mark("Halt, cancel, then sell all that is ours; 'flatten' is typed"),
        "F",
    ),
    Action("home.release", "v", mark("New version"), mark("Read what is new in it"), footer=False),
    Action("home.cancel", "x", mark("Cancel all"), mark("Cancel every working order; 'cancel' is typed"), footer=False),
    Action(
        "home.missed",
        "m",
        mark("Missed run"),
        mark("Make the missed run's plan now, on Plan; e sends it"),
        footer=False,
    ),
    Action(
        "home.drop", "d", mark("Drop missed run"), mark("Do not make up for the missed run. Asks first"), footer=False
    ),
    Action("strategies.open", "enter", mark("Open"), mark("Open the strategy's records, or the record's card")),
    Action("strategies.back", "escape", mark("Back"), mark("Close the search, or go back one list"), "esc"),
    Action("strategies.use", "u", mark("Use this"), mark("Follow this record from now on, after a question")),
    Action(
        "strategies.search",
        "slash",
        mark("Search"),
        mark("Search strategies by name, or filter this page of records"),
        "/",
    ),
    Action("strategies.next_page", "n", mark("Next"), mark("Next page")),
    Action("strategies.previous_page", "p", mark("Prev"), mark("Previous page")),
    Action("strategies.sort", "o", mark("Sort"), mark("Sort this page of records by the next column")),
    Action("strategies.reload", "r", mark("Reload"), mark("Ask the platform again"), footer=False),
    Action("plan.make", "r", mark("Make a plan"), mark("Work out what a rebalance would do now; sends nothing")),
    Action("plan.execute", "e", mark("Execute"), mark("Carry out this plan, after a question with the totals")),
    Action("plan.open", "enter", mark("Reason"), mark("Read the row under the cursor in full")),
    Action("positions.open", "enter", mark("Details"), mark("Everything known of the holding under the cursor")),
    Action("positions.adopt", "a", mark("Adopt"), mark("Put the holding under the strategy's management. Asks first")),
    Action("positions.release", "r", mark("Release"), mark("Take the holding out of management. Asks first")),
    Action("positions.sell", "x", mark("Sell"), mark("Sell all that the strategy owns of it, now. Asks first")),
    Action("positions.sort", "o", mark("Sort"), mark("Sort by the next column")),
    Action("positions.reverse", "O,shift+o", mark("Reverse"), mark("Sort the other way round"), "O", footer=False),
    Action(
        "positions.search", "slash", mark("Filter"), mark("Show only rows with this text in code, name or state"), "/"
    ),
    Action("positions.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("orders.open", "enter", mark("History"), mark("Everything that happened to the order under the cursor")),
    Action(
        "orders.cancel", "c", mark("Cancel order"), mark("Cancel the working order under the cursor, after a question")
    ),
    Action("orders.settle", "s", mark("Settle"), mark("Say what became of an order that the broker does not settle")),
    Action("orders.sort", "o", mark("Sort"), mark("Sort by the next column")),
    Action("orders.reverse", "O,shift+o", mark("Reverse"), mark("Sort the other way round"), "O", footer=False),
    Action("orders.earlier", "left_square_bracket", mark("Day before"), mark("The day before that has orders"), "["),
    Action(
        "orders.later",
        "right_square_bracket",
        mark("Day after"),
        mark("The day after that has orders"),
        "]",
        footer=False,
    ),
    Action("orders.today", "t", mark("Today"), mark("Back to today's orders"), footer=False),
    Action(
        "orders.search",
        "slash",
        mark("Filter"),
        mark("Show only rows with this text in code, name, state or reason"),
        "/",
    ),
    Action("orders.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("log.follow", "f", mark("Follow"), mark("Follow the log, or pause it")),
    Action("log.level", "l", mark("Level"), mark("Show everything, warnings and errors, or errors only")),
    Action("log.search", "slash", mark("Search"), mark("Mark this text, and jump to where it stands last"), "/"),
    Action("log.next", "n", mark("Next match"), mark("The next line that holds the text"), footer=False),
    Action(
        "log.previous", "N,shift+n", mark("Prev match"), mark("The line before that holds the text"), "N", footer=False
    ),
    Action("log.earlier", "left_square_bracket", mark("Day before"), mark("The day before that has a log"), "["),
    Action(
        "log.later", "right_square_bracket", mark("Day after"), mark("The day after that has a log"), "]", footer=False
    ),
    Action("log.today", "t", mark("Today"), mark("Back to today's log"), footer=False),
    Action("log.open", "enter", mark("Read"), mark("Read the line under the cursor in full")),
    Action("log.back", "escape", mark("Clear"), mark("Clear the search"), "esc", footer=False),
    Action("settings.open", "enter", mark("Change"), mark("Change the setting or the password under the cursor")),
    Action("settings.default", "d", mark("Default"), mark("Put the default back")),
    Action("settings.try", "t", mark("Try out"), mark("Try MiniQMT's folder, mail and push, or the login")),
    Action("settings.checkup", "c", mark("Check-up"), mark("Look at everything that a trading day needs")),
    Action(
        "settings.forget",
        "x",
        mark("Forget"),
        mark("Take a password out of wherever it is kept. Asks first"),
        footer=False,
    ),
    Action("settings.search", "slash", mark("Filter"), mark("Show only rows with this text"), "/"),
    Action("settings.reload", "r", mark("Reload"), mark("Read the settings again"), footer=False),
    Action("settings.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("report.view", "v", mark("View"), mark("Show bonds, orders, stops fired, or the days of the equity")),
    Action(
        "report.shorter", "left_square_bracket", mark("Shorter"), mark("A shorter span: year, month, week, day"), "["
    ),
    Action("report.longer", "right_square_bracket", mark("Longer"), mark("A longer span: week, month, year, all"), "]"),
    Action("report.sort", "o", mark("Sort"), mark("Sort by the next column")),
    Action("report.reverse", "O,shift+o", mark("Reverse"), mark("Turn the order of the rows round"), "O", footer=False),
    Action("report.export", "x", mark("Export"), mark("Write the report's tables as CSV files into data/export")),
    Action("report.open", "enter", mark("Details"), mark("Everything known of the row under the cursor")),
    Action("report.search", "slash", mark("Filter"), mark("Show only rows with this text"), "/"),
    Action("report.reload", "r", mark("Reload"), mark("Read the books again"), footer=False),
    Action("report.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("app.help", "question_mark,f1", mark("Help"), mark("These keys"), "?"),
    Action("app.copy", "y", mark("Copy"), mark("Copy the row under the cursor"), footer=False),
    Action("app.palette", "ctrl+p", mark("Palette"), mark("Find an action by its name"), footer=False),
    Action(
        "app.quit",
        "q",
        mark("Quit"),
        mark("Leave; asks while something runs, is guarded or is due today (ctrl+q too)"),
        "q",
    ),
)


def actions_of(pane: str) -> tuple[Action, ...]:
    """The actions of one pane, or of the whole app ("app"), in the order in which they are shown."""
    return tuple(action for action in ACTIONS if action.pane == pane)


def bindings_of(pane: str) -> list[BindingType]:
    """Key bindings of a pane: each runs `action_run` of its owner with the action's name."""
    return [
        Binding(action.key, f"run('{action.name}')", action.label, show=False, id=action.id, tooltip=action.help)
        for action in actions_of(pane)
    ]


def pane_bindings() -> list[BindingType]:
    """The digits."""
    return [Binding(pane.key, f"goto('{pane.id}')", pane.title, show=False, id=f"goto.{pane.id}") for pane in PANES]
