"""The command line: `flowrun RECIPE`, and a file for each further command."""

from __future__ import annotations

import gc
import importlib
import io
import re
import sys
from typing import Any

import click
from click.shell_completion import CompletionItem
from click_default_group import DefaultGroup

from flowrun.api import new_registry
from flowrun.cli.help_texts import WholeSentences
from flowrun.cli.installation import other_flowrun
from flowrun.cli.printing import HintedError, echo, fail, terminal_settings, warn
from flowrun.cli.waiting import waiting
from flowrun.errors import FlowrunError, contained, error_line
from flowrun.errors.escaping import below, on_one_line
from flowrun.plugins.distributions import OWN
from flowrun.plugins.import_times import imports_watched
from flowrun.plugins.registry import Registry
from flowrun.values.garbage import resume


class _Commands(WholeSentences, DefaultGroup):  # type: ignore[misc]  # it has no types
    """The commands, of which `run` is meant if the first argument names none."""

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands; if none begins so, the files of recipes."""
        found: list[CompletionItem] = super().shell_complete(ctx, incomplete)
        return found or [CompletionItem(incomplete, type="file")]


@click.group(
    cls=_Commands,
    default="run",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name=OWN, prog_name="flowrun")
def cli() -> None:
    """Run tensor experiments written as YAML recipes.

    \b
    flowrun recipes/red_linear.yaml                  run a recipe: short for `flowrun run ...`
    flowrun recipes/red_linear.yaml --set seed=7     with one value changed
    flowrun steps gd_train                           inputs, outputs and options of a step
    flowrun COMMAND --help                           the options of a command
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
    """Run the command line: exit codes 0 to 3 as documented, 130 for an interrupt."""
    registry = new_registry()
    if warning := other_flowrun():
        warn(warning)
    _add_plugin_commands(registry)
    gc.freeze()  # what is loaded by now stays, and need not be looked through again
    resume()
    try:
        with imports_watched(waiting.importing, waiting.imported):
            code = cli.main(
                prog_name="flowrun", standalone_mode=False, obj=registry, **terminal_settings()
            )
    except click.exceptions.NoArgsIsHelpError as error:
        echo(error.format_message())
        code = 0
    except click.ClickException as error:
        text = io.StringIO()
        _shown(error).show(text)
        echo(text.getvalue(), err=True, nl=False)
        code = 2
    except (KeyboardInterrupt, click.Abort):
        echo("interrupted", err=True)
        code = 130
    except FlowrunError as error:
        fail(error)
        code = 2
    sys.exit(code)


def _shown(error: click.ClickException) -> click.ClickException:
    """An error of click with its text escaped: it may quote names of files of others.

    It says how to give a setting if click found one in the place of an argument.
    """
    if isinstance(error, HintedError | click.MissingParameter):
        return error
    if type(error).show not in (click.ClickException.show, click.UsageError.show):
        error.message = below(error.message)  # type: ignore[misc]  # its class may show more
        return error
    message = below(error.format_message())
    if not isinstance(error, click.UsageError):
        return click.ClickException(message)
    found = re.search(r"unexpected extra arguments? \((.*)\)", error.message, re.DOTALL)
    if found is None:
        return click.UsageError(message, error.ctx)
    message = on_one_line(error.format_message())
    from flowrun.cli.recipe_options import is_setting, set_hint  # few commands end here

    settings = [one for one in found[1].split() if is_setting(one)]
    return HintedError("\n    ".join([message, *map(set_hint, settings[:1])]), error.ctx)


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
            warn(
                f"the commands of the plugin `{found.plugin_name}` cannot be added: "
                f"{error_line(error)}"
            )
