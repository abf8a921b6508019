"""A model as a stranger would write it, as steps of a recipe, and mistakes planted in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any, Literal

import flowrun

IMPORTS = """\
import copy
import math
import random
from collections import deque

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from flowrun import step


"""
_STEP = re.compile(r"^@step.*\n(?:@.*\n)*def (\w+)", re.MULTILINE)

Verdict = Literal["error", "warning", "unknown", "nothing"]


@dataclass(frozen=True)
class Mistake:
    """One mistake: a text of the code that stands there once, and what was written instead.

    verdict: what a check says of it; `nothing` if only the numbers of a run show it. really:
        whether the run fails, or ends with other values.
    """

    title: str
    right: str
    wrong: str
    verdict: Verdict = "error"
    really: Literal["fails", "is wrong"] = "fails"


@dataclass(frozen=True)
class Model:
    """A model and its training: the code below the imports, whose steps run in their order."""

    title: str
    code: str
    mistakes: tuple[Mistake, ...]

    def write(self, folder: Path, mistake: Mistake | None = None) -> Path:
        """Write the recipe and its steps, with a mistake or without; return the recipe's path."""
        code = self.code
        if mistake is not None:
            count = code.count(mistake.right)
            assert count == 1, f"`{mistake.right}` stands {count} times in {self.title}"
            code = code.replace(mistake.right, mistake.wrong)
        code = dedent(code).lstrip()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "my_steps.py").write_text(IMPORTS + code, encoding="utf-8")
        steps = "".join(f"  - {name}\n" for name in _STEP.findall(code))
        recipe = f"recipe: one\nplugins: [./my_steps.py]\nsteps:\n{steps}"
        (folder / "recipe.yaml").write_text(recipe, encoding="utf-8")
        return folder / "recipe.yaml"


def verdict_on(path: Path) -> tuple[Verdict, list[dict[str, Any]]]:
    """The gravest finding of a check of a recipe, and all findings."""
    findings: list[dict[str, Any]] = flowrun.check(path, device="cpu").as_dict()["findings"]
    kinds = {finding["kind"] for finding in findings}
    verdicts: tuple[Verdict, ...] = ("error", "unknown", "warning")
    return next((one for one in verdicts if one in kinds), "nothing"), findings
