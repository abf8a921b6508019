"""`expect` as JSON Schema, made from the classes of its checks."""

from __future__ import annotations

from flowrun.cli.schema.references import with_references
from flowrun.errors import listed
from flowrun.expectations.checks import CHECKS
from flowrun.expectations.expected_error import ERROR, ERROR_KEYS
from flowrun.recipes.keys import Schema

_PATH = (
    r"^[A-Za-z_][A-Za-z0-9_-]*"
    r"(\.[A-Za-z_][A-Za-z0-9_-]*|\[\s*-?[0-9]+(\s*,\s*-?[0-9]+)*\s*\])*$"
)
_SETTINGS = [(name, check) for check in CHECKS.values() for name in check.settings]
_WITH_SETTINGS = [check for check in CHECKS.values() if check.needs_settings]

DEFINITIONS: dict[str, Schema] = {
    "checks": {
        "description": "What must hold of a value after the last step.",
        "type": "object",
        "properties": {
            **{name: with_references(check.described_schema()) for name, check in CHECKS.items()},
            **{name: with_references(check.settings[name]) for name, check in _SETTINGS},
        },
        "dependentRequired": {name: [check.name] for name, check in _SETTINGS},
        "dependentSchemas": {
            check.name: {"anyOf": [{"required": [name]} for name in check.settings]}
            for check in _WITH_SETTINGS
        },
        "additionalProperties": False,
        # No property has this name: it is shown in the message about an expectation with no check.
        "if": {"maxProperties": 0},
        "then": {"required": ["a check"], "errorMessage": f"at least one of: {listed(CHECKS)}"},
    },
    "expected-error": {
        "description": "The step that must fail, and the text of its message.",
        "type": "object",
        "properties": {
            name: {"description": about, "type": "string"} for name, about in ERROR_KEYS.items()
        },
        "required": ["step"],
        "additionalProperties": False,
    },
}

EXPECT: Schema = {
    "properties": {
        ERROR: {
            "description": "That a step must fail, or the checks of a value of this name.",
            "if": {"type": "object", "anyOf": [{"required": [name]} for name in ERROR_KEYS]},
            "then": {"$ref": "#/$defs/expected-error"},
            "else": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/checks"}]},
        }
    },
    "propertyNames": {
        "description": "A path into a value: metrics.mae, params.W1[0, 0], losses[-1].",
        "pattern": _PATH,
    },
    "additionalProperties": {
        "anyOf": [
            {"enum": [*(name for name, check in CHECKS.items() if check.is_bare), None]},
            {"$ref": "#/$defs/checks"},
        ]
    },
}
