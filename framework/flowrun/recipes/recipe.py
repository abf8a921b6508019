"""A recipe read from a file or a mapping: references filled, settings applied, keys validated."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from flowrun.errors import Mark, Problem, RecipeError, Source, did_you_mean, listed
from flowrun.recipes.devices import AUTO, DTYPES, KINDS, Needs, device_problem
from flowrun.recipes.document import Draft, StepEntry, read_draft
from flowrun.recipes.nodes import Entry, Mapping, Node, Scalar, Sequence, described
from flowrun.recipes.overrides import Settings, apply_overrides
from flowrun.recipes.reading import as_json, read_source
from flowrun.recipes.seeds import LARGEST_SEED
from flowrun.recipes.tags import read_tags
from flowrun.recipes.variables import Variables


class Recipe(msgspec.Struct, frozen=True):
    """A recipe as it was written, with every `${...}` replaced; not yet held against any steps."""

    name: str
    about: str
    seed: int
    device: str
    dtype: str
    vars: dict[str, Node]
    plugins: tuple[Scalar, ...]
    section: str
    needs: Needs
    tags: tuple[str, ...]
    steps: tuple[StepEntry, ...]
    expect: dict[str, Entry]
    source: Source
    parents: tuple[Source, ...] = ()
    device_mark: Mark | None = None  # None where it is not in the recipe

    @property
    def path(self) -> Path | None:
        """The file the recipe was read from; None where it was given as a mapping."""
        return self.source.path


def load_recipe(recipe: str | Path | AnyMapping[str, object], set: Settings = ()) -> Recipe:
    """Read a recipe from a path or a mapping.

    set: settings that change it, as `--set` does: `PATH=VALUE` texts, or a mapping of paths.

    Raises RecipeError with everything that is wrong with its form. The steps' names, options and
    wiring are looked at by `plan`.
    """
    problems: list[Problem] = []
    read = read_recipe(recipe, set, problems)
    if problems or read is None:
        raise RecipeError(problems)
    return read


def read_recipe(
    given: str | Path | AnyMapping[str, object] | Source,
    settings: Settings,
    problems: list[Problem],
) -> Recipe | None:
    """The recipe as far as it can be read, everything wrong with it added to `problems`."""
    try:
        source = _source(given)
        draft = read_draft(source, problems)
        if draft is not None:
            draft = apply_overrides(draft, settings, problems)
    except RecipeError as error:
        problems.extend(error.problems)
        return None
    return None if draft is None else _filled(draft, problems)


def _source(given: str | Path | AnyMapping[str, object] | Source) -> Source:
    if isinstance(given, Source):
        return given
    if not isinstance(given, AnyMapping):
        return read_source(Path(given))
    try:
        text = as_json(given, indent=2)  # one line a value, for the messages
    except (TypeError, ValueError) as error:
        raise RecipeError([Problem(f"the recipe's mapping cannot be read: {error}")]) from None
    return Source("<mapping>", text)


def _filled(draft: Draft, problems: list[Problem]) -> Recipe:
    top = draft.top
    vars_node = top["vars"].value if "vars" in top else None
    if isinstance(vars_node, Scalar) and vars_node.value is None:
        vars_node = None
    if vars_node is not None and not isinstance(vars_node, Mapping):
        problems.append(
            Problem("`vars` is a mapping", vars_node.mark, described(vars_node), "name: value")
        )
        vars_node = None
    variables = Variables(vars_node, problems)
    resolved = variables.resolve_all()
    top = {
        key: replace(entry, value=variables.fill(entry.value))
        for key, entry in top.items()
        if key not in ("vars", "extends")
    }
    steps = tuple(_filled_step(entry, variables, problems) for entry in draft.steps)
    if not steps and not problems:
        problems.append(
            Problem(
                "the recipe has no steps",
                draft.key_mark("recipe"),
                expected="`steps:` with a line `- name: {option: value}` for each step",
            )
        )
    fields = _Fields(top, draft, problems)
    return Recipe(
        name=fields.name(),
        about=fields.text("about"),
        seed=fields.seed(),
        device=fields.choice("device", AUTO),
        dtype=fields.choice("dtype", "float32"),
        vars=resolved,
        plugins=fields.plugins(),
        section=fields.text("section"),
        needs=fields.needs(),
        tags=fields.tags(),
        steps=steps,
        expect=fields.expect(),
        source=draft.source,
        parents=draft.parents,
        device_mark=top["device"].value.mark if "device" in top else None,
    )


def _filled_step(entry: StepEntry, variables: Variables, problems: list[Problem]) -> StepEntry:
    beside = {
        key: replace(item, value=variables.fill(item.value)) for key, item in entry.beside.items()
    }
    for key in ("device", "dtype"):
        if key in beside:
            _check_choice(key, beside[key].value, problems)
    if "id" in beside:
        _check_id(beside["id"].value, problems)
    cache = beside["cache"].value if "cache" in beside else None
    if cache is not None and not (isinstance(cache, Scalar) and isinstance(cache.value, bool)):
        problems.append(
            Problem("`cache` does not fit", cache.mark, described(cache), "true or false")
        )
    options = None if entry.options is None else variables.fill(entry.options)
    return replace(entry, options=options, beside=beside)


def _check_id(node: Node, problems: list[Problem]) -> None:
    text = node.value if isinstance(node, Scalar) else None
    if not isinstance(text, str) or not text.replace("-", "_").isidentifier():
        expected = "a name of letters, digits, `_` and `-`"
        problems.append(Problem("`id` names one step", node.mark, described(node), expected))


def _check_choice(key: str, node: Node, problems: list[Problem]) -> str | None:
    """A device's or a dtype's name; None (and a problem) where it is not one."""
    value = node.value if isinstance(node, Scalar) else None
    if key == "device":
        wrong = device_problem(value)
    else:
        aliases = {"float": "float32", "double": "float64", "half": "float16"}
        name = str(value).removeprefix("torch.")
        hint = did_you_mean(aliases.get(name, name), DTYPES)
        wrong = None if value in DTYPES else (f"one of: {listed(DTYPES)}", hint)
    if wrong is None:
        return str(value)
    expected, hint = wrong
    problems.append(Problem(f"`{key}` is not known", node.mark, described(node), expected, hint))
    return None


class _Fields:
    """The top-level keys of a recipe, each validated."""

    def __init__(self, top: dict[str, Entry], draft: Draft, problems: list[Problem]) -> None:
        self._top = top
        self._draft = draft
        self._problems = problems

    def name(self) -> str:
        if "recipe" not in self._top:
            path = self._draft.source.path
            stem = path.stem if path is not None else "name"
            self._problems.append(
                Problem(
                    "the recipe has no name",
                    Mark(self._draft.source, 0, 0),
                    hint=f"begin the file with `recipe: {stem}`",
                )
            )
        return self.text("recipe")

    def text(self, key: str) -> str:
        node = self._top[key].value if key in self._top else None
        if node is None:
            return ""
        if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
            return node.value.strip()
        self._problems.append(Problem(f"`{key}` is a text", node.mark, described(node), "a string"))
        return ""

    def seed(self) -> int:
        node = self._top["seed"].value if "seed" in self._top else None
        value = node.value if isinstance(node, Scalar) else 0 if node is None else None
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_SEED:
            return value
        if node is not None:
            expected = f"a whole number from 0 to {LARGEST_SEED}"
            self._problems.append(
                Problem("`seed` does not fit", node.mark, described(node), expected)
            )
        return 0

    def choice(self, key: str, default: str) -> str:
        if key not in self._top:
            return default
        return _check_choice(key, self._top[key].value, self._problems) or default

    def plugins(self) -> tuple[Scalar, ...]:
        node = self._top["plugins"].value if "plugins" in self._top else None
        if node is None:
            return ()
        items = node.items if isinstance(node, Sequence) else (node,)
        names = [item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]
        if len(names) < len(items) or not isinstance(node, Sequence):
            expected = "a list of files and modules: `[./my_steps.py]`"
            self._problems.append(
                Problem("`plugins` is a list", node.mark, described(node), expected)
            )
        return tuple(names)

    def needs(self) -> Needs:
        node = self._top["needs"].value if "needs" in self._top else None
        if node is None:
            return Needs()
        items = node.items if isinstance(node, Sequence) else (node,)
        texts = [item.value if isinstance(item, Scalar) else None for item in items]
        for item, text in zip(items, texts, strict=True):
            if not isinstance(text, str) or text.removeprefix("no ") not in KINDS:
                expected = "kinds of device that must be there: `cuda`; or must not: `no cuda`"
                hint = did_you_mean(str(text).removeprefix("no "), KINDS)
                problem = Problem(
                    "`needs` is not known", item.mark, described(item), expected, hint
                )
                self._problems.append(problem)
        return Needs(tuple(str(text) for text in texts))

    def tags(self) -> tuple[str, ...]:
        node = self._top["tags"].value if "tags" in self._top else None
        return () if node is None else read_tags(node, self._problems)

    def expect(self) -> dict[str, Entry]:
        node = self._top["expect"].value if "expect" in self._top else None
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return {}
        if isinstance(node, Mapping):
            return node.entries
        expected = "values and their bounds: `metrics.mae: {below: 0.55}`"
        self._problems.append(
            Problem("`expect` is a mapping", node.mark, described(node), expected)
        )
        return {}
