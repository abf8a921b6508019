"""The recipe language as one JSON Schema (draft 2020-12), with every step of a registry."""

from __future__ import annotations

from flowrun.cli.schema import expected, references, step_entries
from flowrun.cli.schema.references import key_schema
from flowrun.plugins.registry import Registry
from flowrun.recipes.keys import PLACING_KEYS, TOP_KEYS, Schema

_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_PLACED: Schema = {"type": "object", "anyOf": [{"required": [key]} for key in PLACING_KEYS]}


def recipe_schema(registry: Registry) -> Schema:
    """What a recipe may say: JSON Schema 2020-12, the same text for the same steps.

    It cannot say everything that flowrun checks: wiring, references and the content of other files
    are checked by `plan`. A recipe with `plugins` or `extends` may use steps that the registry
    does not have.
    """
    more = {"expect": expected.EXPECT}
    return {
        "$schema": _DIALECT,
        "$id": "urn:flowrun:recipe",
        "title": "flowrun recipe",
        "description": "A recipe of flowrun: settings, steps, and expectations of the result.",
        "type": "object",
        "properties": {name: key_schema(key, more.get(name)) for name, key in TOP_KEYS.items()},
        "additionalProperties": False,
        "dependentRequired": {"remove": ["extends"]},
        "allOf": [
            {
                "if": {"required": ["extends"]},
                "else": {
                    "required": ["recipe", "steps"],
                    "properties": {
                        "steps": {"minItems": 1, "items": {"not": _PLACED}},
                        "expect": {"additionalProperties": {"not": {"type": "null"}}},
                    },
                },
            }
        ],
        "if": {"anyOf": [{"required": ["plugins"]}, {"required": ["extends"]}]},
        "then": {"properties": {"steps": {"items": {"$ref": "#/$defs/any-step"}}}},
        "else": {"properties": {"steps": {"items": {"$ref": "#/$defs/known-step"}}}},
        "$defs": {
            **references.DEFINITIONS,
            **step_entries.DEFINITIONS,
            **expected.DEFINITIONS,
            **step_entries.entry_definitions(registry),
        },
    }
