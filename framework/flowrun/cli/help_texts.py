"""How `--help` lists the commands of a group."""

from __future__ import annotations

import click

_LONGEST = 1000  # characters of a first sentence


class WholeSentences(click.Group):
    """A group whose help lists each command with the whole first sentence of its own help."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands."""
        commands = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        rows = [
            (name, command.get_short_help_str(_LONGEST))
            for name, command in commands
            if command is not None and not command.hidden
        ]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
