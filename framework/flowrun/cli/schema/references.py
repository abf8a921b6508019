"""`${...}` in the schema: the places where a recipe may write a reference in place of a value."""

from __future__ import annotations

from flowrun.recipes.keys import Key, Schema

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
_INNER = ("items", "additionalProperties")
_INNER_LISTS = ("prefixItems", "oneOf", "allOf")
_INNER_MAPPINGS = ("properties", "patternProperties")
_ABOUT = ("title", "description", "markdownDescription", "default", "examples")
_ANY_TEXT: Schema = {"type": "string"}
_WITH_REFERENCES: list[Schema] = [{}, _ANY_TEXT, {**_ANY_TEXT, "pattern": r"\S"}, {"not": {}}]


def key_schema(key: Key, more: Schema | None = None) -> Schema:
    """The schema of a key's value; more: fields that the key's own description does not set."""
    has_default = isinstance(key.default, (int, str)) and key.default != ""
    default = {"default": key.default} if has_default else {}
    schema = {"description": key.about, **default, **key.kind.schema, **(more or {})}
    return with_references(schema) if key.has_references else schema


def with_references(schema: Schema) -> Schema:
    """A schema that takes a reference as well, for the whole value and at any place within."""
    return or_reference(with_inner_references(schema))


def with_inner_references(schema: Schema) -> Schema:
    """A schema of a type, with all else that a recipe may write for a value of it.

    A reference may stand at any place within the value; the items of a set may repeat; a decimal
    may be a number.
    """
    made: Schema = {}
    for key, value in schema.items():
        if key in _INNER and isinstance(value, dict):
            made[key] = with_references(value)
        elif key in _INNER_LISTS:
            made[key] = [with_references(inner) for inner in value]
        elif key in _INNER_MAPPINGS:
            made[key] = {name: with_references(inner) for name, inner in value.items()}
        elif key == "anyOf":
            made[key] = [with_inner_references(inner) for inner in value]
        elif key != "uniqueItems":
            made[key] = value
    if made.get("format") == "decimal":
        made["type"] = ["string", "number"]
    return made


def or_reference(schema: Schema) -> Schema:
    """A schema that takes a reference as well; fields that describe the value stay outermost.

    It is the schema itself if that takes any text, anything, or nothing at all.
    """
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    bare = {key: value for key, value in schema.items() if key not in _ABOUT}
    alternatives: list[Schema] = bare["anyOf"] if bare.keys() == {"anyOf"} else [bare]
    if bare in _WITH_REFERENCES:
        return schema
    takes_texts = any(map(_takes_texts, alternatives))
    reference = _TEXT_WITH_REFERENCE if takes_texts else _REFERENCE
    return {**about, "anyOf": [*alternatives, reference]}


def _takes_texts(schema: Schema) -> bool:
    """Whether some texts fit, so that one with a reference inside it may come to fit."""
    if "enum" in schema:
        return any(isinstance(value, str) for value in schema["enum"])
    return "string" in schema.get("type", ())
