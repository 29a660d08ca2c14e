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
            "What is running, what comes next, what the account holds and what happened last. If trading is "
            "off, the reasons are shown here. A missed run is shown here too; it never starts by itself. The "
            "trading controls ask before they act and stay in force after a restart. If a panel does not "
            "fit, tab selects it and the arrow keys scroll it."
        ),
    ),
    PaneInfo(
        "strategies",
        "2",
        mark("Strategies"),
        mark(
            "Your strategies on Factor Cat, their backtest records, and each record's list of today. The "
            "record in use decides what the next rebalance buys and sells. A record's card also draws its equity "
            "curve beside the benchmark, its drawdown and its yearly returns, where Factor Cat gives them."
        ),
    ),
    PaneInfo(
        "plan",
        "3",
        mark("Plan"),
        mark(
            "What a rebalance would do now, with a reason for every row. Nothing is sent until you execute it. After "
            "it ran, what became of each row stays here until you make a new plan. Sorting changes what you see, not "
            "the order in which orders are sent."
        ),
    ),
    PaneInfo(
        "positions",
        "4",
        mark("Positions"),
        mark(
            "What the account holds. 'Ours' belongs to the strategy, which may sell it; the rest is yours and "
            "is left alone. SL and TP are the prices at which a stop sells, To SL/TP is the distance to the "
            "nearer one; 'through' means that the price has reached it. Guard shows whether the stop is armed, "
            "or what it waits for. Red is up and green is down; the sign shows it too."
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
            "A day's log, today's first, in the language in use; its file is in English. Moving the cursor pauses "
            "following; older lines load when the cursor reaches the top. A search marks its matches and jumps to one; "
            "n and N go to the next and the previous one."
        ),
    ),
    PaneInfo(
        "report",
        "7",
        mark("Report"),
        mark(
            "What the strategy's trading earned and cost in a period. Realised P/L is after fees, based on the "
            "average cost; open P/L uses the last price. Slippage is measured against the list price and "
            "against the arrival price, the last price when the order was decided; above zero is worse, '--' "
            "was not recorded. Equity is the whole account's, and its change counts from the capital before the first "
            "trade; deposits and withdrawals are neither gain nor loss."
        ),
    ),
    PaneInfo(
        "settings",
        "8",
        mark("Settings"),
        mark(
            "Every setting of this data folder: its value, where the value comes from and what it does. A "
            "change is checked as you type and written to config.toml; the file's comments stay. Passwords are "
            "stored in the system's keyring, or in a file that a passphrase opens."
        ),
    ),
)

ACTIONS = (
    Action("home.login", "l", mark("Log in"), mark("Log in to Factor Cat")),
    Action(
        "home.logout",
        "L,shift+l",
        mark("Log out"),
        mark("Log out of Factor Cat and delete the stored password. Asks first"),
        "L",
        footer=False,
    ),
    Action("home.open", "enter", mark("Read"), mark("Read the event under the cursor in full")),
    Action(
        "home.pause",
        "b",
        mark("Pause"),
        mark("Buy nothing until you resume (R); sells and stops go on. Asks first"),
    ),
    Action(
        "home.halt", "h", mark("Halt"), mark("Block all new orders, stops included, until you resume (R). Asks first")
    ),
    Action("home.resume", "R,shift+r", mark("Resume"), mark("Resume buying, or trading after a halt. Asks first"), "R"),
    Action(
        "home.flatten",
        "F,shift+f",
        mark("Flatten"),
        mark("Halt, cancel all orders, then sell all the strategy holds; type 'flatten'"),
        "F",
    ),
    Action("home.release", "v", mark("New version"), mark("Read what the new version changes"), footer=False),
    Action("home.cancel", "x", mark("Cancel all"), mark("Cancel every open order; type 'cancel'"), footer=False),
    Action(
        "home.missed",
        "m",
        mark("Missed run"),
        mark("Make the plan of the missed run now, on Plan; e executes it"),
        footer=False,
    ),
    Action("home.drop", "d", mark("Drop missed run"), mark("Skip the missed run. Asks first"), footer=False),
    Action("strategies.open", "enter", mark("Open"), mark("Go on: records, card, today's list, card of a bond")),
    Action("strategies.back", "escape", mark("Back"), mark("Close the filter or the comparison, or go back"), "esc"),
    Action("strategies.use", "u", mark("Use this"), mark("Follow the record under the cursor from now on. Asks first")),
    Action("strategies.mark", "space", mark("Mark"), mark("Mark the record for a comparison, or release it")),
    Action("strategies.compare", "v", mark("Compare"), mark("Show the marked records side by side, two to four")),
    Action("strategies.search", "slash", mark("Filter"), mark("Show only rows with this text"), "/"),
    Action("strategies.sort", "o", mark("Sort"), mark("Sort by the next column, over all pages; on the card its list")),
    Action("strategies.reverse", "O,shift+o", mark("Reverse"), mark("Reverse the sort order"), "O", footer=False),
    Action("strategies.more", "n", mark("More"), mark("Load the next page of a long list"), footer=False),
    Action("strategies.reload", "r", mark("Reload"), mark("Ask the platform again"), footer=False),
    Action("plan.make", "r", mark("Make a plan"), mark("Work out what a rebalance would do now; sends nothing")),
    Action("plan.execute", "e", mark("Execute"), mark("Execute this plan. Shows the totals and asks first")),
    Action("plan.open", "enter", mark("Details"), mark("All details of the row under the cursor")),
    Action("plan.sort", "o", mark("Sort"), mark("Sort by the next column; orders are sent in their own order")),
    Action("plan.reverse", "O,shift+o", mark("Reverse"), mark("Reverse the sort order"), "O", footer=False),
    Action("plan.search", "slash", mark("Filter"), mark("Show only rows with this text"), "/"),
    Action("plan.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("positions.open", "enter", mark("Details"), mark("All details of the holding under the cursor")),
    Action("positions.adopt", "a", mark("Adopt"), mark("Take the holding into the strategy's management. Asks first")),
    Action("positions.release", "r", mark("Release"), mark("Take the holding out of management. Asks first")),
    Action("positions.sell", "x", mark("Sell"), mark("Sell all the strategy holds of it now. Asks first")),
    Action("positions.sort", "o", mark("Sort"), mark("Sort by the next column")),
    Action("positions.reverse", "O,shift+o", mark("Reverse"), mark("Reverse the sort order"), "O", footer=False),
    Action(
        "positions.search", "slash", mark("Filter"), mark("Show only rows with this text in code, name or state"), "/"
    ),
    Action("positions.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("orders.open", "enter", mark("History"), mark("Everything that happened to the order under the cursor")),
    Action("orders.cancel", "x", mark("Cancel order"), mark("Cancel the open order under the cursor. Asks first")),
    Action("orders.settle", "s", mark("Settle"), mark("Set the outcome of an order that the broker has no answer for")),
    Action("orders.sort", "o", mark("Sort"), mark("Sort by the next column")),
    Action("orders.reverse", "O,shift+o", mark("Reverse"), mark("Reverse the sort order"), "O", footer=False),
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
    Action("log.search", "slash", mark("Search"), mark("Mark this text and jump to its last match"), "/"),
    Action("log.next", "n", mark("Next match"), mark("The next line with this text"), footer=False),
    Action(
        "log.previous", "N,shift+n", mark("Prev match"), mark("The previous line with this text"), "N", footer=False
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
    Action("settings.try", "t", mark("Try out"), mark("Test MiniQMT's folder, mail and push, or the login")),
    Action("settings.checkup", "k", mark("Check-up"), mark("Check everything that a trading day needs")),
    Action(
        "settings.forget",
        "x",
        mark("Delete"),
        mark("Delete a stored password. Asks first"),
        footer=False,
    ),
    Action("settings.next_tab", "right", mark("Next tab"), mark("The next group of settings"), "->"),
    Action(
        "settings.previous_tab", "left", mark("Tab before"), mark("The group of settings before"), "<-", footer=False
    ),
    Action("settings.search", "slash", mark("Search"), mark("Search all groups for this text"), "/"),
    Action("settings.reload", "r", mark("Reload"), mark("Read the settings again"), footer=False),
    Action("settings.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("report.view", "v", mark("View"), mark("Show bonds, orders, stops fired, or the days of the equity")),
    Action(
        "report.shorter", "left_square_bracket", mark("Shorter"), mark("A shorter period: year, month, week, day"), "["
    ),
    Action(
        "report.longer", "right_square_bracket", mark("Longer"), mark("A longer period: week, month, year, all"), "]"
    ),
    Action("report.sort", "o", mark("Sort"), mark("Sort by the next column")),
    Action("report.reverse", "O,shift+o", mark("Reverse"), mark("Reverse the sort order"), "O", footer=False),
    Action("report.export", "x", mark("Export"), mark("Write the report's tables as CSV files into data/export")),
    Action("report.open", "enter", mark("Details"), mark("All details of the row under the cursor")),
    Action("report.search", "slash", mark("Filter"), mark("Show only rows with this text"), "/"),
    Action("report.reload", "r", mark("Reload"), mark("Load the report again"), footer=False),
    Action("report.back", "escape", mark("Clear"), mark("Clear the filter"), "esc", footer=False),
    Action("app.help", "question_mark,f1", mark("Help"), mark("The keys of this screen, and every key"), "?"),
    Action("app.columns", "c", mark("Columns"), mark("Choose the columns of the table"), footer=False),
    Action(
        "app.maximize", "z", mark("One panel"), mark("Show the panel with the focus alone, or all again"), footer=False
    ),
    Action(
        "app.divider_left", "less_than_sign", mark("Wider details"), mark("Make the details wider"), "<", footer=False
    ),
    Action(
        *("app.divider_right", "greater_than_sign", mark("Wider table"), mark("Make the table wider"), ">"),
        footer=False,
    ),
    Action("app.copy", "y", mark("Copy"), mark("Copy the row under the cursor"), footer=False),
    Action(
        *("app.palette", "ctrl+p,colon", mark("Find")),
        mark("Find anything: bond, order, strategy, setting, theme or action (also ctrl+p)"),
        ":",
    ),
    Action(
        "app.quit",
        "q",
        mark("Quit"),
        mark("Quit; asks if a run, a stop or a job of today would be lost (also ctrl+q)"),
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
