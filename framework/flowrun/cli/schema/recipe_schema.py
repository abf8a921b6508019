"""The recipe language as one JSON Schema (draft 2020-12), with every step of a registry."""

from __future__ import annotations

from flowrun.cli.schema import expected, references, reserved_keys
from flowrun.cli.schema.references import Schema, or_reference
from flowrun.cli.schema.step_entries import entry_definitions
from flowrun.plugins.registry import Registry
from flowrun.recipes.devices import KINDS
from flowrun.recipes.document import TOP_KEYS
from flowrun.recipes.seeds import LARGEST_SEED
from flowrun.recipes.tags import PATTERN, TAKEN

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_TAG = or_reference({"type": "string", "pattern": PATTERN, "not": {"enum": list(TAKEN)}})
_NEED = or_reference({"enum": [*KINDS, *(f"no {kind}" for kind in KINDS)]})

_TOP: dict[str, Schema] = {
    "recipe": {"description": "The recipe's name.", **_TEXT},
    "about": {"description": "One sentence, shown when the recipe runs.", **_TEXT},
    "extends": {
        "description": "The path of one recipe that this one changes, from this file's folder.",
        "type": "string",
    },
    "seed": or_reference(
        {
            "description": "Every step's random numbers follow from it and the step's id.",
            "type": "integer",
            "minimum": 0,
            "maximum": LARGEST_SEED,
            "default": 0,
        }
    ),
    "device": {
        "description": "Where load puts its values; later steps work where their inputs are.",
        "default": "auto",
        **reserved_keys.DEVICE,
    },
    "dtype": {
        "description": "The type text files are read as, and of new tensors.",
        "default": "float32",
        **reserved_keys.DTYPE,
    },
    "vars": {
        "description": 'Names for values used in several places: "${name}" stands for one.',
        "type": ["object", "null"],
    },
    "plugins": or_reference(
        {
            "description": "Files (./my_steps.py) and modules that give further steps.",
            "type": "array",
            "items": {"type": "string"},
        }
    ),
    "section": {"description": "A heading under which a table of recipes shows it.", **_TEXT},
    "needs": {
        "description": "Kinds of device that must be there (cuda), or must not (no cuda).",
        "anyOf": [*_NEED["anyOf"], {"type": "array", "items": _NEED}],
    },
    "tags": {
        "description": "Words by which tests are chosen (pytest -m slow); cuda skips without one.",
        "anyOf": [*_TAG["anyOf"], {"type": "array", "items": _TAG}],
    },
    "steps": {"description": "The steps, in the order in which they run.", "type": "array"},
    "expect": expected.EXPECT,
}


def recipe_schema(registry: Registry) -> Schema:
    """What a recipe may say: JSON Schema 2020-12, the same text for the same steps.

    It cannot say everything that flowrun checks: wiring, references and what lies in other files
    are looked at by `plan`. A recipe with `plugins` or `extends` may use steps that the registry
    does not have.
    """
    return {
        "$schema": _DIALECT,
        "$id": "urn:flowrun:recipe",
        "title": "flowrun recipe",
        "description": "A recipe of flowrun: settings, steps, and what is expected of the result.",
        "type": "object",
        "properties": {key: _TOP[key] for key in TOP_KEYS},
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"required": ["extends"]},
                "else": {
                    "required": ["recipe", "steps"],
                    "properties": {"steps": {"minItems": 1}},
                },
            }
        ],
        "if": {"anyOf": [{"required": ["plugins"]}, {"required": ["extends"]}]},
        "then": {"properties": {"steps": {"items": {"$ref": "#/$defs/any-step"}}}},
        "else": {"properties": {"steps": {"items": {"$ref": "#/$defs/known-step"}}}},
        "$defs": {
            **references.DEFINITIONS,
            **reserved_keys.DEFINITIONS,
            **expected.DEFINITIONS,
            **entry_definitions(registry),
        },
    }
