"""The palette of actions."""

from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """Textual's, which fails, and ends the app, where a page is turned before its list has any room."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).scrollable_content_region or not action.startswith("page"):
            super()._action_command_list(action)
