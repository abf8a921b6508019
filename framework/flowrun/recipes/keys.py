"""The keys of the language: those at the top of a recipe, and those beside a step's name.

Each is described here alone. The reader, its messages, `--set`, `extends`, the JSON Schema and the
documentation use these tables.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from flowrun.errors import Problem, did_you_mean, listed
from flowrun.recipes.devices import AUTO, DTYPES, KINDS, Needs, device_problem
from flowrun.recipes.merging import expected, joined, merged
from flowrun.recipes.reading import Entry, Mapping, Node, Scalar, Sequence, described

LARGEST_SEED = 2**63 - 1

Schema = dict[str, Any]

_TAG = r"^[A-Za-z][A-Za-z0-9_]*$"
# These have another meaning for pytest; the first three join markers in `-m`.
_TAKEN_TAGS = tuple(
    "and or not True False None skip skipif xfail parametrize usefixtures filterwarnings "
    "xdist_group".split()
)


class Kind(msgspec.Struct, frozen=True):
    """What values a key takes: in words for the documentation, and as JSON Schema.

    read: the value of a node, called with the key's name; None (and a problem) if it does not fit.
        Without it the code that uses the value's parts reads it.
    """

    text: str
    schema: Schema
    read: Callable[[str, Node, list[Problem]], Any] | None = None


class Key(msgspec.Struct, frozen=True):
    """A key of the language.

    default: the value that it has if it is left out, if there is one. see: the section of
    docs/recipes.md with more about it. merge: the entry if this recipe and the one it extends both
    have the key.
    has_references: whether `${...}` may stand for the whole value. is_settable: by `--set`.
    """

    name: str
    about: str
    kind: Kind
    default: Any = None
    see: str = ""
    merge: Callable[[Entry, Entry], Entry] = lambda parent, child: child
    has_references: bool = True
    is_settable: bool = False

    def value(self, entries: dict[str, Entry], problems: list[Problem]) -> Any:
        """The value of this key among the entries of a mapping; the default if absent or wrong."""
        if self.name not in entries or self.kind.read is None:
            return self.default
        found = self.kind.read(self.name, entries[self.name].value, problems)
        return self.default if found is None else found


def misfit(name: str, node: Node, expected: str) -> Problem:
    """The problem of a key whose value is of the wrong kind."""
    return Problem(f"`{name}` does not fit", node.mark, described(node), expected)


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
    problems.append(misfit(name, node, expected))
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
    """A reader of a mapping, or of null, which means the same as no key."""

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


def _ids(name: str, node: Node, problems: list[Problem]) -> tuple[Scalar, ...]:
    """The ids of steps, each with its place."""
    found = []
    for item in _items(node):
        if isinstance(item, Scalar) and isinstance(item.value, str):
            found.append(item)
        else:
            expected = "the ids of steps: `[shuffle, save]`"
            problems.append(_misfit(f"`{name}` names steps", item, expected))
    return tuple(found)


def _cache(name: str, node: Node, problems: list[Problem]) -> bool | None:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    problems.append(misfit(name, node, "true or false"))
    return None


def _items(node: Node) -> tuple[Node, ...]:
    """The items of a list; a single value is a list of one."""
    return node.items if isinstance(node, Sequence) else (node,)


def _table(*keys: Key) -> dict[str, Key]:
    return {key.name: key for key in keys}


def _one_or_list(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "array", "items": schema}]}


_ID = r"^(?:[A-Za-z_-]|[^\x00-\x7F])(?:[A-Za-z0-9_-]|[^\x00-\x7F])*$"  # letters of any alphabet
VALUE_NAME: Schema = {"type": "string", "pattern": _ID.replace("_-]", "_]")}
VALUE_NAME_OR_NULL: Schema = {"anyOf": [VALUE_NAME, {"type": "null"}]}

_TEXT = Kind("a string", {"type": "string", "pattern": r"\S"}, _text)
_SEED = Kind(
    "a whole number from 0 to 2^63 - 1",
    {"type": "integer", "minimum": 0, "maximum": LARGEST_SEED},
    _seed,
)
_DEVICE = Kind(
    "`auto`, `cpu`, `cuda`, `cuda:N`, `mps` or `xpu`",
    {
        "anyOf": [
            {"enum": [AUTO, *KINDS]},
            {"type": "string", "pattern": f"^({'|'.join(KINDS)})(:[0-9]{{1,3}})?$"},
        ]
    },
    _device,
)
_DTYPE = Kind("`float16`, `bfloat16`, `float32` or `float64`", {"enum": list(DTYPES)}, _dtype)
_VARS = Kind("a mapping", {"type": ["object", "null"]}, _mapping("name: value"))
_PLUGINS = Kind("a list of strings", {"type": "array", "items": {"type": "string"}}, _plugins)
_NEEDS = Kind(
    "one, or a list: `[cuda]`",
    _one_or_list({"enum": [*KINDS, *(f"no {kind}" for kind in KINDS)]}),
    _needs,
)
_TAGS = Kind(
    "one, or a list: `[slow, cuda]`",
    _one_or_list({"type": "string", "pattern": _TAG, "not": {"enum": list(_TAKEN_TAGS)}}),
    _tags,
)
_EXPECT = Kind(
    "a mapping",
    {"type": ["object", "null"]},  # the schema of the checks is made from their classes
    _mapping("values and their bounds: `metrics.mae: {below: 0.55}`"),
)
_INPUTS = Kind(
    "a mapping of input names to value names",
    {"type": "object", "additionalProperties": VALUE_NAME_OR_NULL},
)
_STEP_ID = {"type": "string", "pattern": _ID}
_OTHER_STEP = Kind("the id of a step", _STEP_ID)
_OUTPUTS = Kind(
    "a mapping of output names to value names",
    {"type": "object", "additionalProperties": VALUE_NAME},
)

TOP_KEYS = _table(
    Key("recipe", "The recipe's name.", _TEXT, ""),
    Key("about", "One sentence, shown when the recipe runs.", _TEXT, "", is_settable=True),
    Key(
        "extends",
        "The path of one recipe that this one changes, from this file's folder.",
        Kind("a path", {"type": "string"}),
        see="Extends",
        has_references=False,
    ),
    Key(
        "remove",
        "The ids of steps of the recipe that it extends that are left out.",
        Kind("one, or a list: `[shuffle, save]`", _one_or_list(_STEP_ID), _ids),
        default=(),
        see="Extends",
        has_references=False,
    ),
    Key(
        "seed",
        "Every step's random numbers follow from it and the step's id.",
        _SEED,
        default=0,
        see="Seeds",
        is_settable=True,
    ),
    Key(
        "device",
        "The device that load puts its values on; later steps work on the device of their inputs.",
        _DEVICE,
        default=AUTO,
        see="Devices and dtypes",
        is_settable=True,
    ),
    Key(
        "dtype",
        "The type text files are read as, and of new tensors.",
        _DTYPE,
        default="float32",
        see="Devices and dtypes",
        is_settable=True,
    ),
    Key(
        "vars",
        'Names for values used in several places: "${name}" stands for one.',
        _VARS,
        see="Vars and references",
        merge=merged,
        has_references=False,
    ),
    Key(
        "plugins",
        "Files (./my_steps.py) and modules that give further steps.",
        _PLUGINS,
        default=(),
        see="Paths",
        merge=joined,
    ),
    Key("section", "A heading under which a table of recipes shows it.", _TEXT, ""),
    Key(
        "needs",
        "Kinds of device that must be there (cuda), or must not (no cuda).",
        _NEEDS,
        Needs(),
    ),
    Key(
        "tags",
        "Words by which tests are chosen (pytest -m slow); cuda skips without one.",
        _TAGS,
        default=(),
    ),
    Key(
        "steps",
        "The steps, in the order in which they run.",
        Kind("a list", {"type": "array"}),
        see="Steps",
        has_references=False,
    ),
    Key(
        "expect",
        "What must hold of the result: value paths, and the checks of each.",
        _EXPECT,
        see="Expect",
        merge=expected,
    ),
)

STEP_KEYS = _table(
    Key(
        "id",
        "What this step is called in messages, in --set and by `extends`.",
        Kind("letters, digits, `_` and `-`", {"type": "string", "pattern": _ID}, _id),
    ),
    Key(
        "in",
        "The inputs, each with the name of the value it takes.",
        _INPUTS,
        see="Wiring",
    ),
    Key(
        "out",
        "The outputs, each with the name of the value it gives.",
        _OUTPUTS,
        see="Wiring",
    ),
    Key("device", "A device of the step's own.", _DEVICE, see="Devices and dtypes"),
    Key("dtype", "A dtype of the step's own.", _DTYPE, see="Devices and dtypes"),
    Key(
        "cache",
        "Whether the bytes of the step's values are stored, in place of flowrun's own rule.",
        Kind("true or false", {"type": "boolean"}, _cache),
    ),
    Key(
        "after",
        "In a recipe with `extends`: the step after which this one is put.",
        _OTHER_STEP,
        see="Extends",
        has_references=False,
    ),
    Key(
        "before",
        "In a recipe with `extends`: the step before which this one is put.",
        _OTHER_STEP,
        see="Extends",
        has_references=False,
    ),
)
PLACING_KEYS = ("after", "before")
