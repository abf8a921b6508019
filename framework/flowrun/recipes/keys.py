"""The keys of the language: those at the top of a recipe, and those beside a step's name.

Each is described here alone. The reader, its messages, `--set`, `extends`, the JSON Schema and the
documentation use these tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from flowrun.errors import Problem, did_you_mean, listed
from flowrun.recipes.devices import AUTO, DTYPES, KINDS, Needs, device_problem
from flowrun.recipes.nodes import Entry, Mapping, Node, Scalar, Sequence, described
from flowrun.recipes.seeds import LARGEST_SEED

Schema = dict[str, Any]

_TAG = r"^[A-Za-z][A-Za-z0-9_]*$"
# These have another meaning for pytest; the first three join markers in `-m`.
_TAKEN_TAGS = tuple(
    "and or not True False None skip skipif xfail parametrize usefixtures filterwarnings "
    "xdist_group".split()
)


class Key(msgspec.Struct, frozen=True):
    """A key of the language.

    kind: what it takes, in words, and default: what holds without it; both for the documentation.
    schema: the JSON Schema of its value. section: of docs/recipes.md, with more about it.
    read: the value of its node, called with the key's name; None (and a problem) if it does not
        fit. A key without it is read where its parts are used.
    merge: the entry if this recipe and the one it extends both have the key.
    has_references: whether `${...}` may stand for the whole value. is_settable: by `--set`.
    """

    name: str
    about: str
    kind: str
    default: str
    schema: Schema
    read: Callable[[str, Node, list[Problem]], Any] | None = None
    section: str = ""
    merge: Callable[[Entry, Entry], Entry] = lambda parent, child: child
    has_references: bool = True
    is_settable: bool = False

    def value(self, entries: dict[str, Entry], problems: list[Problem]) -> Any:
        """The value of this key among the entries of a mapping; None if it is absent or wrong."""
        if self.name not in entries or self.read is None:
            return None
        return self.read(self.name, entries[self.name].value, problems)


def _table(*keys: Key) -> dict[str, Key]:
    return {key.name: key for key in keys}


def _misfit(message: str, node: Node, expected: str, hint: str | None = None) -> Problem:
    return Problem(message, node.mark, described(node), expected, hint)


def _text(name: str, node: Node, problems: list[Problem]) -> str | None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
        return node.value.strip()
    problems.append(_misfit(f"`{name}` is a text", node, "a string"))
    return None


def _seed(name: str, node: Node, problems: list[Problem]) -> int | None:
    value = node.value if isinstance(node, Scalar) else None
    if type(value) is int and 0 <= value <= LARGEST_SEED:
        return value
    expected = f"a whole number from 0 to {LARGEST_SEED}"
    problems.append(_misfit(f"`{name}` does not fit", node, expected))
    return None


def _device(name: str, node: Node, problems: list[Problem]) -> str | None:
    value = node.value if isinstance(node, Scalar) else None
    wrong = device_problem(value)
    if wrong is None:
        return str(value)
    problems.append(_misfit(f"`{name}` is not known", node, *wrong))
    return None


def _dtype(name: str, node: Node, problems: list[Problem]) -> str | None:
    value = node.value if isinstance(node, Scalar) else None
    if value in DTYPES:
        return str(value)
    aliases = {"float": "float32", "double": "float64", "half": "float16"}
    written = str(value).removeprefix("torch.")
    hint = did_you_mean(aliases.get(written, written), DTYPES)
    problems.append(_misfit(f"`{name}` is not known", node, f"one of: {listed(DTYPES)}", hint))
    return None


def _mapping(example: str) -> Callable[[str, Node, list[Problem]], Mapping | None]:
    """A reader of a mapping, or of null, which is as good as no key."""

    def read(name: str, node: Node, problems: list[Problem]) -> Mapping | None:
        is_null = isinstance(node, Scalar) and node.value is None
        if not isinstance(node, Mapping) and not is_null:
            problems.append(_misfit(f"`{name}` is a mapping", node, example))
        return node if isinstance(node, Mapping) else None

    return read


def _plugins(name: str, node: Node, problems: list[Problem]) -> tuple[Scalar, ...]:
    items = _items(node)
    names = [item for item in items if isinstance(item, Scalar) and isinstance(item.value, str)]
    if len(names) < len(items) or not isinstance(node, Sequence):
        expected = "a list of files and modules: `[./my_steps.py]`"
        problems.append(_misfit(f"`{name}` is a list", node, expected))
    return tuple(names)


def _needs(name: str, node: Node, problems: list[Problem]) -> Needs:
    items = _items(node)
    texts = [item.value if isinstance(item, Scalar) else None for item in items]
    for item, text in zip(items, texts, strict=True):
        if not isinstance(text, str) or text.removeprefix("no ") not in KINDS:
            expected = "kinds of device that must be there: `cuda`; or must not: `no cuda`"
            hint = did_you_mean(str(text).removeprefix("no "), KINDS)
            problems.append(_misfit(f"`{name}` is not known", item, expected, hint))
    return Needs(tuple(str(text) for text in texts))


def _tags(name: str, node: Node, problems: list[Problem]) -> tuple[str, ...]:
    tags: dict[str, None] = {}
    for item in _items(node):
        text = item.value if isinstance(item, Scalar) else None
        if not isinstance(text, str) or not re.fullmatch(_TAG, text):
            expected = "words of letters, digits and `_`: `[slow, cuda]`"
            problems.append(_misfit("a tag is one word", item, expected))
        elif text in _TAKEN_TAGS:
            message = f"`{text}` cannot be a tag: it has a meaning of its own in pytest"
            hint = f"choose another word than: {listed(_TAKEN_TAGS, limit=len(_TAKEN_TAGS))}"
            problems.append(Problem(message, item.mark, hint=hint))
        else:
            tags[text] = None
    return tuple(tags)


def _id(name: str, node: Node, problems: list[Problem]) -> str | None:
    text = node.value if isinstance(node, Scalar) else None
    if isinstance(text, str) and text.replace("-", "_").isidentifier():
        return text
    expected = "a name of letters, digits, `_` and `-`"
    problems.append(_misfit(f"`{name}` names one step", node, expected))
    return None


def _cache(name: str, node: Node, problems: list[Problem]) -> bool | None:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    problems.append(_misfit(f"`{name}` does not fit", node, "true or false"))
    return None


def _items(node: Node) -> tuple[Node, ...]:
    """The items of a list; a single value is a list of one."""
    return node.items if isinstance(node, Sequence) else (node,)


def _merged(parent: Entry, child: Entry) -> Entry:
    """Two mappings joined: an entry of the child takes the place of the parent's."""
    if not (isinstance(parent.value, Mapping) and isinstance(child.value, Mapping)):
        return child
    entries = {**parent.value.entries, **child.value.entries}
    return replace(child, value=Mapping(child.value.mark, entries))


def _joined(parent: Entry, child: Entry) -> Entry:
    """Two lists joined, the parent's items first; each item keeps its own file's folder."""
    if not (isinstance(parent.value, Sequence) and isinstance(child.value, Sequence)):
        return child
    items = (*parent.value.items, *child.value.items)
    return replace(child, value=Sequence(child.value.mark, items))


def _one_or_list(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


_TEXT_SCHEMA: Schema = {"type": "string", "pattern": r"\S"}
_DEVICE_SCHEMA: Schema = {
    "anyOf": [
        {"enum": [AUTO, *KINDS]},
        {"type": "string", "pattern": f"^({'|'.join(KINDS)})(:[0-9]{{1,3}})?$"},
    ]
}
_DTYPE_SCHEMA: Schema = {"enum": list(DTYPES)}
_TAG_SCHEMA: Schema = {"type": "string", "pattern": _TAG, "not": {"enum": list(_TAKEN_TAGS)}}
_ONE_DEVICE = "`auto`, `cpu`, `cuda`, `cuda:N`, `mps` or `xpu`"
_ONE_DTYPE = "`float16`, `bfloat16`, `float32` or `float64`"

# Letters of other alphabets are letters too; which characters are is left to the reader.
_ID = r"^(?:[A-Za-z_-]|[^\x00-\x7F])(?:[A-Za-z0-9_-]|[^\x00-\x7F])*$"
VALUE_NAME: Schema = {"type": "string", "pattern": _ID.replace("_-]", "_]")}
VALUE_NAME_OR_NULL: Schema = {"anyOf": [VALUE_NAME, {"type": "null"}]}

TOP_KEYS = _table(
    Key("recipe", "The recipe's name.", "a string", "an error", _TEXT_SCHEMA, _text),
    Key(
        "about",
        "One sentence, shown when the recipe runs.",
        "a string",
        "nothing",
        _TEXT_SCHEMA,
        _text,
        is_settable=True,
    ),
    Key(
        "extends",
        "The path of one recipe that this one changes, from this file's folder.",
        "a path",
        "none",
        {"type": "string"},
        section="Extends",
        has_references=False,
    ),
    Key(
        "seed",
        "Every step's random numbers follow from it and the step's id.",
        "a whole number from 0 to 2^63 - 1",
        "0",
        {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED, "default": 0},
        _seed,
        section="Seeds",
        is_settable=True,
    ),
    Key(
        "device",
        "Where load puts its values; later steps work where their inputs are.",
        _ONE_DEVICE,
        "`auto`",
        {"default": AUTO, **_DEVICE_SCHEMA},
        _device,
        section="Devices and dtypes",
        is_settable=True,
    ),
    Key(
        "dtype",
        "The type text files are read as, and of new tensors.",
        _ONE_DTYPE,
        "`float32`",
        {"default": "float32", **_DTYPE_SCHEMA},
        _dtype,
        section="Devices and dtypes",
        is_settable=True,
    ),
    Key(
        "vars",
        'Names for values used in several places: "${name}" stands for one.',
        "a mapping",
        "none",
        {"type": ["object", "null"]},
        _mapping("name: value"),
        section="Vars and references",
        merge=_merged,
        has_references=False,
    ),
    Key(
        "plugins",
        "Files (./my_steps.py) and modules that give further steps.",
        "a list of strings",
        "none",
        {"type": "array", "items": {"type": "string"}},
        _plugins,
        section="Paths",
        merge=_joined,
    ),
    Key(
        "section",
        "A heading under which a table of recipes shows it.",
        "a string",
        "none",
        _TEXT_SCHEMA,
        _text,
    ),
    Key(
        "needs",
        "Kinds of device that must be there (cuda), or must not (no cuda).",
        "one, or a list",
        "nothing",
        _one_or_list({"enum": [*KINDS, *(f"no {kind}" for kind in KINDS)]}),
        _needs,
    ),
    Key(
        "tags",
        "Words by which tests are chosen (pytest -m slow); cuda skips without one.",
        "one, or a list: `[slow, cuda]`",
        "none",
        _one_or_list(_TAG_SCHEMA),
        _tags,
    ),
    Key(
        "steps",
        "The steps, in the order in which they run.",
        "a list",
        "an error",
        {"type": "array"},
        section="Steps",
        has_references=False,
    ),
    Key(
        "expect",
        "What must hold of the result: value paths, and the checks of each.",
        "a mapping",
        "nothing",
        {"type": ["object", "null"]},  # the schema of its checks is made from their classes
        _mapping("values and their bounds: `metrics.mae: {below: 0.55}`"),
        section="Expect",
        merge=_merged,
    ),
)

STEP_KEYS = _table(
    Key(
        "id",
        "What this step is called in messages, in --set and by `extends`.",
        "letters, digits, `_` and `-`",
        "the step's name, numbered from the second on",
        {"type": "string", "pattern": _ID},
        _id,
    ),
    Key(
        "in",
        "The step's inputs, each with the name of the value it takes.",
        "a mapping of input names to value names",
        "the names of the inputs",
        {"type": "object", "additionalProperties": VALUE_NAME_OR_NULL},
        section="Wiring",
    ),
    Key(
        "out",
        "The step's outputs, each with the name of the value it gives.",
        "a mapping of output names to value names",
        "the names of the outputs",
        {"type": "object", "additionalProperties": VALUE_NAME},
        section="Wiring",
    ),
    Key(
        "device",
        "A device of the step's own.",
        _ONE_DEVICE,
        "that of its inputs",
        _DEVICE_SCHEMA,
        _device,
        section="Devices and dtypes",
    ),
    Key(
        "dtype",
        "A dtype of the step's own.",
        _ONE_DTYPE,
        "the recipe's",
        _DTYPE_SCHEMA,
        _dtype,
        section="Devices and dtypes",
    ),
    Key(
        "cache",
        "Whether the bytes of the step's values are kept, in place of flowrun's own rule.",
        "true or false",
        "flowrun's own rule",
        {"type": "boolean"},
        _cache,
    ),
)
