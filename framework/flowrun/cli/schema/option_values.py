"""The values that options take, as JSON Schema, from their annotations."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from flowrun.cli.schema.references import with_inner_references, with_references
from flowrun.plugins.option_types import described_type
from flowrun.plugins.steps import REQUIRED, Option
from flowrun.recipes.keys import Schema


def option_schemas(options: list[Option]) -> tuple[list[Schema], dict[str, Schema]]:
    """The schema of each option, and the definitions that they refer to.

    A schema has the option's description, its default, and the values it takes. No value fits
    an option whose type no recipe can give (a torch.dtype).
    """
    usable = [_is_usable(option.annotation) for option in options]
    schemas, shared = msgspec.json.schema_components(
        [option.annotation for option, fits in zip(options, usable, strict=True) if fits],
        schema_hook=_nothing,
        ref_template="#/$defs/type.{name}",
    )
    remaining = iter(schemas)
    return (
        [
            {
                **with_references(next(remaining) if fits else _nothing()),
                **_described(option),
            }
            for option, fits in zip(options, usable, strict=True)
        ],
        {f"type.{name}": with_inner_references(schema) for name, schema in shared.items()},
    )


def _is_usable(annotation: Any) -> bool:
    try:
        msgspec.json.schema(annotation, schema_hook=_nothing)
    except TypeError:  # a union of classes, two kinds of list, ...: nor can values be converted
        return False
    return True


def _nothing(_: type | None = None) -> Schema:
    """The schema of a class that YAML has no values of."""
    return {"not": {}}


def _described(option: Option) -> Schema:
    """The option's description and default; both, and its type, for editors that show Markdown."""
    try:
        words = described_type(option.annotation)
    except TypeError:
        words = "nothing that a recipe can give"
    about = f"{option.description}\n\n" if option.description else ""
    default = _default(option)
    if option.default is REQUIRED:
        more = "required"
    else:
        more = f"default `{_shown(default['default'])}`" if default else "optional"
    return {
        "description": option.description or words,
        "markdownDescription": f"{about}{words} ({more})",
        **default,
    }


def _default(option: Option) -> Schema:
    """The default, if there is one and a recipe could give it."""
    if option.default is REQUIRED:
        return {}
    try:
        text = msgspec.json.encode(option.default, order="deterministic")
    except TypeError:  # an object
        return {}
    value = msgspec.json.decode(text)
    is_infinite = value is None and option.default is not None
    return {} if is_infinite else {"default": value}


def _shown(default: object) -> str:
    """A default as a recipe would give it."""
    if isinstance(default, str) and default:
        return default
    return json.dumps(default, ensure_ascii=False)
