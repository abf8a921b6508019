"""The option `-p`, which several commands have."""

from __future__ import annotations

import click

from flowrun.cli.completing import FILE

plugin_option = click.option(
    "-p",
    "--plugin",
    "plugins",
    multiple=True,
    metavar="PLUGIN",
    type=FILE,
    help="Load a plugin: a .py file or a module. May be repeated.",
)
