"""A broken recipe: what a person wrote, which line is at fault, what is said of it, and the cure.

The line at fault, in the recipe and in the code of a custom step, ends in `# here`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import flowrun
from flowrun import Plan, RecipeError

HERE = "# here"
NOWHERE = 0  # the line of a file without a mark

# What nearly every file of custom steps begins with.
IMPORTS = """\
import numpy as np
import torch
import torch.nn.functional as F
from flowrun import step
from torch import nn


"""

# Eight rows of three columns, and a target each, in the hands of one custom step.
ONE_STEP = f"""
    steps:
      - random: {{X: {{randn: [8, 3]}}, y: {{randn: [8, 1]}}}}
      - my_step  {HERE}
"""

CheckResult = Literal[
    "fails", "goes wrong", "is unmet", "is refused", "needs a gpu", "is too large"
]


@dataclass(frozen=True, kw_only=True)
class RecipeFiles:
    """A recipe with what lies beside it.

    recipe: the YAML text below the recipe's name. code: what follows the imports in `my_steps.py`.
    files: further files by name.
    """

    recipe: str = ONE_STEP
    code: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def texts(self) -> dict[str, str]:
        """The whole recipe, and the whole file of custom steps where there are some."""
        plugins = "plugins: [./my_steps.py]\n" if self.code else ""
        recipe = f"recipe: one\n{plugins}{dedent(self.recipe).lstrip()}"
        code = {"my_steps.py": IMPORTS + dedent(self.code).lstrip()} if self.code else {}
        return {"recipe.yaml": recipe, **code}

    def write(self, folder: Path) -> Path:
        """Write the recipe and its files; gives its path."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.texts.items():
            (folder / name).write_text(text, encoding="utf-8")
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder / "recipe.yaml"


@dataclass(frozen=True, kw_only=True)
class Case(RecipeFiles):
    """One thing that people break, found before anything runs.

    title: what was done wrong, in the words of whoever did it.
    says: fragments that the finding must hold, in its message, its cure or the operation it names.
    mended: a text of the recipe or the code that stands there once, and what repairs the fault in
        its place; the mended recipe is free of findings, and runs.
    kind: `error`, or `warning` where the run goes through and its result is not what was meant.
    really: what becomes of the run. shows: for one that goes wrong, the value that comes out
        otherwise once the fault is mended.
    devices: for which the recipe is checked, None for its own; both where the fault lies elsewhere.
    memory: the bytes that the device has; None for those that it does have.
    """

    title: str
    says: tuple[str, ...]
    mended: tuple[str, str]
    kind: Literal["error", "warning"] = "error"
    really: CheckResult = "fails"
    shows: str = ""
    devices: tuple[str | None, ...] = ("cpu", "cuda")
    memory: int | None = None

    @property
    def recipe_line(self) -> int:
        """The line at fault in the recipe, from 1."""
        return line_of_mark(self.texts["recipe.yaml"])

    @property
    def code_line(self) -> int:
        """The line at fault in `my_steps.py`, from 1; NOWHERE where none is marked."""
        return line_of_mark(self.texts.get("my_steps.py", ""))

    def write_mended(self, folder: Path) -> Path:
        """Write the recipe with the fault repaired, and its files; gives its path."""
        broken, whole = self.mended
        count = sum(text.count(broken) for text in self.texts.values())
        assert count == 1, f"`{broken}` stands {count} times in the recipe and its code"
        path = self.write(folder)
        for name, text in self.texts.items():
            (folder / name).write_text(text.replace(broken, whole), encoding="utf-8")
        return path


@dataclass(frozen=True, kw_only=True)
class Stranger(RecipeFiles):
    """One custom step that is not made for a check, and works.

    unknown: the outputs of which nothing can be known before a run, and `says` the reason that is
        given. Of every other output a check tells the shape, dtype and device.
    """

    title: str
    unknown: tuple[str, ...] = ()
    says: str = ""


def line_of_mark(text: str) -> int:
    """The line that is marked as the one at fault, from 1."""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith(HERE)]
    assert len(lines) < 2, f"marked as at fault: lines {lines}"
    return lines[0] if lines else NOWHERE


def planned_line(plan: Plan, step: str) -> int:
    """The line of the recipe, from 1, on which a step stands."""
    (planned,) = (planned for planned in plan.steps if planned.id == step)
    return planned.mark.line + 1


def found_in(path: Path, device: str | None = None, memory: int | None = None) -> list[Any]:
    """What a check finds, as `flowrun check --json` prints it; also what planning refuses."""
    try:
        checked = flowrun.check(path, device=device, memory=memory)
    except RecipeError as error:
        return [{"kind": "error", "step": None, **problem.as_dict()} for problem in error.problems]
    findings: list[dict[str, Any]] = checked.as_dict()["findings"]
    return findings


def everything_in(folder: Path) -> dict[str, bytes]:
    """All files below a folder with their content; Python's cache of modules is Python's affair."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }
