"""What the schema says of `${...}`: where a recipe may write a reference in place of a value."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

# A number or a list is only ever given by a reference that is the whole string. Neither definition
# describes itself: editors show the description of the option for which the reference stands. Their
# titles keep the language server of YAML from taking them for the same as the other alternatives.
DEFINITIONS: dict[str, Schema] = {
    "reference": {
        "title": "value of vars",
        "type": "string",
        "pattern": r"^\$\{[^{}]+\}$",
    },
    "text-with-reference": {
        "title": "text with a value of vars",
        "type": "string",
        "pattern": r"\$\{",
    },
}
_REFERENCE: Schema = {"$ref": "#/$defs/reference"}
_TEXT_WITH_REFERENCE: Schema = {"$ref": "#/$defs/text-with-reference"}
_ABOUT = ("title", "description", "markdownDescription", "default", "examples")


def or_reference(schema: Schema) -> Schema:
    """A schema that takes a reference as well; what describes the value stays outermost.

    It is the schema itself where that is of any text, of anything, or of nothing at all.
    """
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    bare = {key: value for key, value in schema.items() if key not in _ABOUT}
    alternatives: list[Schema] = bare["anyOf"] if bare.keys() == {"anyOf"} else [bare]
    if bare in ({}, {"type": "string"}, {"not": {}}):
        return schema
    takes_texts = any(map(_takes_texts, alternatives))
    reference = _TEXT_WITH_REFERENCE if takes_texts else _REFERENCE
    return {**about, "anyOf": [*alternatives, reference]}


def _takes_texts(schema: Schema) -> bool:
    """Whether some texts fit, so that one with a reference inside it may come to fit."""
    if "enum" in schema:
        return any(isinstance(value, str) for value in schema["enum"])
    return "string" in schema.get("type", ())
