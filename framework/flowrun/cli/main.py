"""The command line: `flowrun RECIPE`, and a file for each further command."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click
from click_default_group import DefaultGroup

from flowrun.api import new_registry
from flowrun.errors import FlowrunError, contained, error_line
from flowrun.plugins.registry import Registry


@click.group(
    cls=DefaultGroup,
    default="run",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="flowrun", prog_name="flowrun")
def cli() -> None:
    """Run tensor experiments written as YAML recipes.

    \b
    flowrun recipes/red_linear.yaml                  run a recipe
    flowrun recipes/red_linear.yaml --set seed=7     with one value changed
    flowrun steps gd_train                           inputs, outputs and options of a step
    """


class _Later(click.Command):
    """A command of a module beside this one, imported when it is called or listed by `--help`."""

    def __init__(self, name: str, module: str | None = None) -> None:
        super().__init__(name)
        self._module = module or name

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        return self._command().make_context(*args, **kwargs)

    def get_short_help_str(self, limit: int = 45) -> str:
        return self._command().get_short_help_str(limit)

    def _command(self) -> click.Command:
        module = importlib.import_module(f"flowrun.cli.{self._module}")
        command: click.Command = getattr(module, f"{self.name}_command")
        return command


cli.add_command(_Later("run"))
cli.add_command(_Later("test"))
cli.add_command(_Later("check"))
cli.add_command(_Later("graph", "graph.command"))
cli.add_command(_Later("schema", "schema.command"))
cli.add_command(_Later("new", "new.command"))
cli.add_command(_Later("lint"))
cli.add_command(_Later("watch", "watch.command"))
cli.add_command(_Later("steps"))
cli.add_command(_Later("plugins"))
cli.add_command(_Later("explain"))
cli.add_command(_Later("store"))
cli.add_command(_Later("runs"))
cli.add_command(_Later("show"))
cli.add_command(_Later("diff"))


def main() -> None:
    """The console script: exit codes 0 to 3 as documented, 130 for an interrupt."""
    registry = new_registry()
    _add_plugin_commands(registry)
    try:
        code = cli.main(prog_name="flowrun", standalone_mode=False, obj=registry)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 0
    except click.ClickException as error:
        error.show()
        code = 2
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        code = 130
    except FlowrunError as error:
        click.echo(f"error: {error}", err=True)
        code = 2
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has ended; an error would reach nobody
        code = 1
    sys.exit(code)


def _add_plugin_commands(registry: Registry) -> None:
    """Let each plugin add its commands; one that fails is reported, and the rest goes on."""
    manager = registry.manager
    plugins: set[Any] = manager.get_plugins()
    for found in manager.hook.flowrun_commands.get_hookimpls():
        others = plugins - {found.plugin}
        try:
            with contained():
                manager.subset_hook_caller("flowrun_commands", others)(cli=cli)
        except Exception as error:
            click.echo(
                f"warning: the commands of the plugin `{found.plugin_name}` cannot be added: "
                f"{error_line(error)}",
                err=True,
            )
