"""How the command line prints: lines that fit the terminal."""

from __future__ import annotations

import sys
from typing import Any

import click

from flowrun.errors import FlowrunError
from flowrun.errors.escaping import below, in_colours
from flowrun.values.terminal import shown_on, wants_colour, width_of

_NARROWEST_OF_CLICK = 52  # columns; in narrower terminals click formats for 50 and overruns them


class OutputClosedError(KeyboardInterrupt):
    """Whoever reads the lines of a run has ended, as `head` does; so does the run."""


class HintedError(click.UsageError):
    """A usage error with a hint in a line of its own; names in it stand escaped."""


def echo(text: str = "", *, err: bool = False, nl: bool = True) -> None:
    """Print a text for a person: wrapped at words on a terminal, in colours if these are wanted.

    What a terminal would obey is escaped, but the ends of lines and flowrun's colours. Names of
    others are to be escaped before: here their line breaks look like those of the lines.

    A line of a file with a mark below it is cropped instead, in errors alone: elsewhere it may be
    data. A document that a program reads goes through `click.echo`, which leaves its lines as they
    are.
    """
    stream = sys.stderr if err else sys.stdout
    # Without colours click would remove them by its own rule, which knows no variables.
    click.echo(shown_on(stream, in_colours(text), crops=err), err=err, nl=nl, color=wants_colour())


def warn(text: object) -> None:
    """Print a warning on standard error."""
    echo(f"warning: {below(str(text))}", err=True)


def fail(error: FlowrunError) -> None:
    """Print an error that ends the command on standard error."""
    echo(f"error: {error.report}", err=True)


def terminal_settings() -> dict[str, Any]:
    """Settings of a click context by which click's own texts heed the terminal as well."""
    width = width_of(sys.stdout)
    narrow = {} if width is None or width >= _NARROWEST_OF_CLICK else {"terminal_width": width - 2}
    return {"color": wants_colour(), **narrow}
