"""The items of `steps`, as JSON Schema: a step's bare name, or a mapping with one step's name."""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple

from flowrun.cli.schema.option_values import option_schemas
from flowrun.cli.schema.references import key_schema, or_reference, with_references
from flowrun.expectations.check import is_of_type
from flowrun.plugins.registry import Registry
from flowrun.plugins.step_names import qualified, usable_names
from flowrun.plugins.steps import REQUIRED, Option, Step
from flowrun.recipes.keys import STEP_KEYS, VALUE_NAME, VALUE_NAME_OR_NULL, Schema


class _Named(NamedTuple):
    """A step, and the name by which a recipe uses it."""

    name: str
    step: Step[..., Any]


Steps = list[_Named]
Whole = dict[str, str]  # patterns of names with the plugin's before them, to the usual names

DEFINITIONS: dict[str, Schema] = {
    "value-name": {
        "description": "The name of a value: letters, digits and `_`.",
        **with_references(VALUE_NAME),
    },
    "value-name-or-null": {
        "description": "The name of a value, or null to leave the input to its default.",
        **with_references(VALUE_NAME_OR_NULL),
    },
}
_NAME: Schema = {"$ref": "#/$defs/value-name"}
_NAME_OR_NULL: Schema = {"$ref": "#/$defs/value-name-or-null"}

_NO_OPTIONS = "this step needs options: `- name: {option: value}`"
_NO_NAME = "an item names one step: `- name: {option: value}`"
_TWO_NAMES = "beside a step's name stand reserved keys only; the next step needs its own dash"


def entry_definitions(registry: Registry) -> dict[str, Schema]:
    """Definitions of an item of `steps`.

    `known-step` is one of the registry's steps; `any-step` may be another one, of a plugin that
    the schema knows nothing of, with any options. A step has its own name if a recipe can use it by
    that; with its plugin's name before it, any step may stand.
    """
    usable = list(usable_names(registry))
    steps = [_Named(name, step) for name, _, step in usable]
    whole = {re.escape(qualified(plugin, step)): name for name, plugin, step in usable}
    options = [option for one in steps for option in _all_options(one.step)]
    schemas, shared = option_schemas(options)
    remaining = iter(schemas)
    return {
        "known-step": _entry(steps, whole, others=False),
        "any-step": _entry(steps, whole, others=True),
        **{
            f"options.{name}": _options(step, [next(remaining) for _ in _all_options(step)])
            for name, step in steps
        },
        **shared,
    }


def _all_options(step: Step[..., Any]) -> list[Any]:
    return [*step.options, *([] if step.others is None else [step.others])]


def _entry(steps: Steps, whole: Whole, *, others: bool) -> Schema:
    """An item of `steps`: a name alone, unless that step needs options, or a mapping.

    others: whether it may be a step that is not among `steps`.
    """
    needing = [name for name, step in steps if _needed(step)]
    patterns = [re.escape(name) for name in needing]
    bare = [_bare(name, step) for name, step in steps if not _needed(step)]
    usual = "|".join(pattern for pattern, name in whole.items() if name not in needing)
    bare.append({"type": "string", "pattern": f"^({usual})$"})
    patterns += [pattern for pattern, name in whole.items() if name in needing]
    return {
        "title": "step",
        "if": {"type": "string"},
        "then": {
            "if": {"pattern": f"^({'|'.join(patterns)})$"},
            "then": {"type": "object", "errorMessage": _NO_OPTIONS},
            "else": {"anyOf": [*bare, {"type": "string"}] if others else bare},
        },
        "else": _mapping(steps, whole, others=others),
    }


def _bare(name: str, step: Step[..., Any]) -> Schema:
    """The name of a step that needs no options."""
    return {
        "title": name,
        "const": name,
        "description": step.about,
        "markdownDescription": _text(step),
        # With `allOf` beside it, the language server of YAML keeps the name out of its completions,
        # in which it would make `shuffle: shuffle` of `shuffle` and of the mapping's `shuffle:`.
        "allOf": [{"type": "string"}],
    }


def _text(step: Step[..., Any]) -> str:
    return inspect.getdoc(step.function) or step.name


def _needed(step: Step[..., Any]) -> list[str]:
    return [option.name for option in step.options if option.default is REQUIRED]


def _mapping(steps: Steps, whole: Whole, *, others: bool) -> Schema:
    """One step's name with its options, and reserved keys beside it."""
    steps = [one for one in steps if one.name not in STEP_KEYS]  # those go by a bare name only
    return {
        "type": "object",
        "properties": {
            **{name: {"$ref": f"#/$defs/options.{name}"} for name, _ in steps},
            **{name: key_schema(key) for name, key in STEP_KEYS.items()},
        },
        "patternProperties": {
            f"^{pattern}$": {"$ref": f"#/$defs/options.{name}"} for pattern, name in whole.items()
        },
        "additionalProperties": others,
        "dependentSchemas": {
            name: {
                "propertyNames": {"enum": [name, *STEP_KEYS], "errorMessage": _TWO_NAMES},
                "properties": _wiring(step),
            }
            for name, step in steps
        },
        # No property has this name: it is shown in the message about an entry with no step.
        "if": {"propertyNames": {"enum": list(STEP_KEYS)}},
        "then": {"required": ["the name of a step"], "errorMessage": _NO_NAME},
    }


def _options(step: Step[..., Any], schemas: list[Schema]) -> Schema:
    """A step's options: its own by name, and those of any name if it takes such."""
    needed = _needed(step)
    types = ["object"] if needed else ["object", "null"]
    takes_texts = step.others is not None and _takes(step.others, "text", but=0.5)
    listed = {"items": {"type": "string"}, "uniqueItems": True} if takes_texts else {}
    named = dict(zip((option.name for option in step.options), schemas, strict=False))
    return or_reference(
        {
            "title": step.name,
            "description": step.about,
            "markdownDescription": _text(step),
            "type": [*types, "array"] if takes_texts else types,
            **listed,
            "properties": named,
            "required": needed,
            "additionalProperties": False if step.others is None else schemas[-1],
        }
    )


def _takes(option: Option, value: Any, *, but: Any) -> bool:
    """Whether an option takes one value and refuses another."""
    fits = [is_of_type(one, option.annotation) for one in (value, but)]
    return fits == [True, False]


def _wiring(step: Step[..., Any]) -> dict[str, Schema]:
    """`in` and `out` of one step, by the names it has; any name if they follow from options."""
    inputs = {value.name: _NAME if value.required else _NAME_OR_NULL for value in step.inputs}
    outputs = dict.fromkeys(step.usual_outputs, _NAME)
    return {
        "in": _renames("in", inputs, _NAME_OR_NULL if step.inputs_of is not None else False),
        "out": _renames("out", outputs, _NAME if step.outputs_of is not None else False),
    }


def _renames(key: str, names: dict[str, Schema], others: Schema | bool) -> Schema:
    return or_reference(
        {
            "description": STEP_KEYS[key].about,
            "type": "object",
            "properties": names,
            "additionalProperties": others,
        }
    )
