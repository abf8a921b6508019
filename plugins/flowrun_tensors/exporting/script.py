"""A script while it is written: its imports, helpers and lines, and descriptions of its values."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from flowrun import Plan
from flowrun_tensors.exporting.text import laid_out

_TAKEN = {"HERE", "Path", "Timer", "copy", "csv", "json", "load_file", "numpy", "os", "random",
          "safetensors", "save_file", "sys", "torch", *keyword.kwlist, *keyword.softkwlist,
          *dir(builtins)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Value:
    """What is known of a value of the recipe before the script runs.

    name: the variable. kind: `tensor`, `number`, `size`, `list`, `dict`, `dtype` or `device`; empty
    if it is not known. dtype, shape: of a tensor, as far as they are known. is_own: whether a
    tensor has a contiguous memory of its own. is_tracked: whether the recipe lets one differentiate
    by it. detail: of parameters and models, see `networks`;
    of a list, its items.
    """

    name: str
    kind: str = ""
    dtype: str | None = None
    shape: tuple[int | None, ...] | None = None
    is_own: bool = False
    is_tracked: bool = False
    detail: Any = None

    @property
    def is_plain_float(self) -> bool:
        """Whether it is certainly float32 or float64, of which rounding is the same either way."""
        return self.dtype in ("float32", "float64")


@dataclass
class Script:
    """All that a script is made of.

    imports: names by module, none for a module itself. files: the files that must be beside the
    script, by their path there. taken: names that no value may have. written: the values that
    `save` steps have written, by path.
    """

    plan: Plan
    device: str
    standin: bool = True
    imports: dict[str, set[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    helpers: dict[str, tuple[str, list[str]]] = field(default_factory=dict)
    body: list[str] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    taken: set[str] = field(default_factory=lambda: set(_TAKEN))
    values: dict[str, Value] = field(default_factory=dict)
    written: dict[Path, Any] = field(default_factory=dict)
    places: dict[str, Path] = field(default_factory=dict)
    constant_of: dict[str, str] = field(default_factory=dict)
    printed: set[str] = field(default_factory=set)
    own_function: Callable[[Callable[..., Any]], str] = str
    dtype: str = "float32"
    default_device: str = "cpu"

    def __post_init__(self) -> None:
        self.use("torch")
        self.variables: dict[str, str] = {}
        self._seen: set[str] = set()
        self.moves = any(step.device or step.step.name == "place" for step in self.plan.steps)

    def name_values(self, names: Iterable[str]) -> None:
        """Give every value of the recipe a variable; the names taken so far are left free."""
        for name in names:
            if name not in self.variables:
                self.variables[name] = self.free(name)
                self.taken.add(self.variables[name])

    def variable(self, name: str) -> str:
        """The variable of a value of the recipe."""
        return self.variables[name]

    def free(self, wish: str) -> str:
        """A name like this one that nothing has."""
        name = unicodedata.normalize("NFKC", wish)  # as Python reads it
        while name in self.taken:
            name += "_"
        return name

    def use(self, module: str, *names: str) -> None:
        """Import a module, or names of it."""
        self.imports.setdefault(module, set()).update(names or {""})

    def helper(self, wish: str, lines: list[str]) -> str:
        """The name of a function that stands above the steps; `NAME` in its lines becomes that."""
        key = "\n".join(lines)
        if key not in self.helpers:
            name = self.free(wish)
            self.taken.add(name)
            self.helpers[key] = name, [line.replace("NAME", name, 1) for line in lines]
        return self.helpers[key][0]

    def is_seen(self, key: str) -> bool:
        """Whether it was called with this key before; used for lines that are written once."""
        is_new = key not in self._seen
        self._seen.add(key)
        return not is_new

    def constant(self, wish: str, code: str) -> str:
        """The name of a new constant."""
        name = self.free(wish)
        self.taken.add(name)
        self.constants += laid_out(f"{name} = {code}")
        return name

    def here(self) -> str:
        """The name of the script's own folder."""
        self.use("pathlib", "Path")
        line = "HERE = Path(__file__).parent"
        if line not in self.constants:
            self.constants.insert(0, line)
        return "HERE"


class StepLines:
    """The lines of one step while they are written.

    named: its inputs by the step's own names, those of `in` that follow from options among them.
    """

    def __init__(self, script: Script, step: Any) -> None:
        self.script = script
        self.step = step
        self.options = SimpleNamespace(**step.options)
        self.lines: list[str] = []
        self.depth = 0
        wires = {**step.wires.inputs, **(step.wires.named or {})}
        self.named = {name: script.values[source] for name, source in wires.items()}
        self._given: dict[str, Value] = {}
        self._late: list[str] = []

    def add(self, *statements: str) -> None:
        """Add statements at the depth of now."""
        for statement in statements:
            self.lines += laid_out(statement, self.depth)

    def begin(self, statement: str) -> None:
        """Add a statement whose block follows; `end` ends it."""
        self.add(statement)
        self.depth += 1

    def end(self) -> None:
        """End the innermost block."""
        self.depth -= 1

    def block(self, statement: str, *inside: str) -> None:
        """Add a statement with a block of its own."""
        self.begin(statement)
        self.add(*inside)
        self.end()

    def write(self, template: str, **codes: Any) -> None:
        """Add the lines of a template at the depth of now.

        `{name}` stands for one of `codes`, or else for a local name. A line that ends in
        `## name` or `## not name` is added only if that code is given, or is not.
        """
        names = _Names(self.local, codes)
        for line in template.strip("\n").split("\n"):
            text, _, condition = line.partition("  ## ")
            wanted = condition.removeprefix("not ")
            if condition and bool(codes[wanted.strip()]) == condition.startswith("not "):
                continue
            depth = (len(text) - len(text.lstrip())) // 4
            code = text.strip().format_map(names)
            self.lines += laid_out(code, self.depth + depth) if code else [""]

    def seed(self) -> None:
        """Let the step draw its own random numbers."""
        is_said = self.script.is_seen("seed")
        why = "" if is_said else "  # each step draws from a seed of its own"
        self.add(f"torch.manual_seed({self.step.seed}){why}")

    def local(self, wish: str) -> str:
        """A name for a variable that only this step needs."""
        return self.script.free(wish)

    def wants(self, output: str) -> bool:
        """Whether a step below takes this output, or it is shown at the end."""
        target = self.step.wires.outputs[output]
        steps = self.script.plan.steps
        position = next(at for at, one in enumerate(steps) if one is self.step)
        for later in steps[position + 1 :]:
            if target in (*later.wires.inputs.values(), *(later.wires.named or {}).values()):
                return True
            if target in later.wires.outputs.values():
                return False
        return target in shown_values(self.script.plan)

    def target(self, output: str, *, over: tuple[str, ...] = ()) -> str:
        """The variable of an output that is written before all inputs have been read.

        over: the inputs that are not read after it. If it is the variable of another input, the
        output has another name until the step's end.
        """
        name = self.script.variable(self.step.wires.outputs[output])
        if name not in (one.name for key, one in self.named.items() if key not in over):
            return name
        early = self.local(f"new_{name}")
        self._late.append(f"{name} = {early}")
        return early

    def give(self, output: str, kind: str = "", **known: Any) -> str:
        """The variable of an output, with its description for the steps below."""
        target = self.step.wires.outputs[output]
        self._given[target] = Value(self.script.variable(target), kind, **known)
        return self._given[target].name

    def give_like(self, output: str, value: Value, **changed: Any) -> str:
        """The same, for an output of which as much is known as of another value."""
        target = self.step.wires.outputs[output]
        name = self.script.variable(target)
        self._given[target] = replace(value, name=name, **changed)
        return name

    def finish(self) -> None:
        """Publish the outputs of this step for the steps below."""
        self.add(*self._late)
        self.script.values.update(self._given)


class _Names(dict[str, Any]):
    """Codes by name, and a local name for each other one."""

    def __init__(self, local: Callable[[str], str], codes: dict[str, Any]) -> None:
        super().__init__(codes)
        self._local = local

    def __missing__(self, name: str) -> str:
        return self._local(name)


def shown_values(plan: Plan) -> list[str]:
    """The values that a script prints: those with expectations, or else the last ones."""
    roots = (path.partition(".")[0].partition("[")[0] for path in plan.recipe.expect)
    given = {name for step in plan.steps for name in step.wires.outputs.values()}
    expected = [root for root in dict.fromkeys(roots) if root in given]
    return expected or [*plan.steps[-1].wires.outputs.values()]
