"""A case run for real: in processes of their own, and in one living process."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import processes
from tests.campaigns.truth import acting
from tests.campaigns.truth.case import RECIPE, Case, measuring

FORMS = ("processes", "living")
_ACTING = (
    f"exec(compile(open({acting.__file__!r}).read(), {acting.__file__!r}, 'exec'), "
    "{'__name__': 'acting'})"
)


@dataclass(frozen=True)
class Verdict:
    """What became of a case in one form.

    stale: what is wrong with the value, if it is not the one that a new store gives. needless: the
    steps that were called though nothing differs.
    """

    case: Case
    form: str
    differs: bool
    stale: str = ""
    needless: tuple[str, ...] = ()


def verdict(case: Case, form: str, folder: Path) -> Verdict:
    """Run a case in one form, in a new folder."""
    folder.mkdir(parents=True)
    plain = case.as_dict()
    with contextlib.chdir(folder):
        acting.make(plain)
    world = _World(case, plain, folder)
    first, again, second, fresh = world.living() if form == "living" else world.processes()
    differs = fresh["value"] != first["value"]
    stale = ""
    if second["value"] != fresh["value"] or again["value"] != first["value"]:
        stale = f"first {first}, again {again}, then {second}, and in a new store {fresh}"
    needless = [*again["called"], *(() if differs else second["called"])]
    needless += [step for step in case.keeps if step in second["called"]]
    if second["value"] == "failed":
        needless = []
    return Verdict(case, form, differs, stale, tuple(dict.fromkeys(needless)))


@functools.cache
def _new_store() -> Path:
    """A store that knows what the built-in code consists of, and no step: reading it takes long."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "steps.py").write_text(measuring("'of no case'"))
    home = {"FLOWRUN_HOME": str(folder / "home")}
    done = processes.run(["-m", "flowrun", "recipe.yaml"], cwd=folder, env={**os.environ, **home})
    assert done.returncode == 0, done.stderr
    return folder / "home"


class _World:
    """A case's folder, and the processes that run in it."""

    def __init__(self, case: Case, plain: acting.Plain, folder: Path) -> None:
        self._case = case
        self._plain = plain
        self._folder = folder
        for name in ("home", "home-new"):
            shutil.copytree(_new_store(), folder.with_name(name))

    def processes(self) -> tuple[acting.Plain, ...]:
        """Run, run once more, edit, run, and run in a new store: each in a process of its own."""
        if self._case.cells:
            first, again = self._acted(0, "cells", "run"), self._acted(0, "cells", "run")
            second, fresh = self._acted(0, "cells", "edit", "after", "run", "new store", "run")
            return (*first, *again, second, fresh)
        first, again = self._commanded(0), self._commanded(0)
        with contextlib.chdir(self._folder):
            acting.edit(self._plain)
        return first, again, self._commanded(1), self._commanded(1, fresh=True)

    def living(self) -> tuple[acting.Plain, ...]:
        """Run, run once more, edit and run in one process; in a notebook, the new store too."""
        if self._case.cells:
            return tuple(
                self._acted(0, "cells", "run", "run", "edit", "after", "run", "new store", "run")
            )
        outcomes = self._acted(0, "run", "run", "edit", "after", "run")
        return (*outcomes, self._commanded(1, fresh=True))

    def _commanded(self, number: int, *, fresh: bool = False) -> acting.Plain:
        """The command, before (0) or after (1) the edit."""
        recipe = self._folder / "recipe.yaml"
        home = {"FLOWRUN_HOME": str(self._folder.with_name("home-new"))} if fresh else {}
        done = self._python(number, home, "-m", "flowrun", recipe, "--json")
        try:
            return acting.outcome(json.loads(done.stdout))
        except ValueError:
            return {"value": "failed", "called": [], "error": done.stdout + done.stderr}

    def _acted(self, number: int, *what: str) -> list[Any]:
        recipe = self._folder / "recipe.yaml"
        done = self._python(number, {}, "-c", _ACTING, json.dumps(self._plain), recipe, *what)
        assert done.returncode == 0, done.stderr
        found = [line.partition(acting.OUTCOME) for line in done.stdout.splitlines()]
        return [json.loads(text) for _, mark, text in found if mark]

    def _python(self, number: int, more: dict[str, str], *arguments: str | Path) -> Any:
        environment = {"FLOWRUN_HOME": str(self._folder.with_name("home")), **more}
        environment = {**os.environ, **environment, **self._case.variables[number]}
        folder = self._folder / self._case.folders[number]
        return processes.run(arguments, cwd=folder, env=environment)
