"""What a recipe expects of its result, as JSON Schema: the values of `expect`."""

from __future__ import annotations

from flowrun.cli.schema.references import Schema, or_reference
from flowrun.errors import listed
from flowrun.expectations.expectation import BOUNDS, CHECKS, SETTINGS
from flowrun.expectations.golden.options import GOLDEN
from flowrun.expectations.seed_statistics import MOST_SEEDS, SEEDS, STATISTICS
from flowrun.recipes.devices import DTYPES, KINDS

_PATH = (
    r"^[A-Za-z_][A-Za-z0-9_-]*"
    r"(\.[A-Za-z_][A-Za-z0-9_-]*|\[\s*-?[0-9]+(\s*,\s*-?[0-9]+)*\s*\])*$"
)
_NUMBER = or_reference({"type": "number"})
_ALLOWANCE: Schema = {"type": "number", "minimum": 0}

_TOLERANCES: Schema = {
    "rtol": or_reference({"description": "The relative difference allowed.", **_ALLOWANCE}),
    "atol": or_reference({"description": "The absolute difference allowed.", **_ALLOWANCE}),
}
_OF_KIND: Schema = {
    "description": "The same where the value is made on this kind of device.",
    "type": "object",
    "properties": _TOLERANCES,
    "additionalProperties": False,
}

_CHECKS: dict[str, Schema] = {
    "below": {"description": "The value is less than this number.", "type": "number"},
    "above": {"description": "The value is greater than this number.", "type": "number"},
    "between": {
        "description": "The value is from the first number to the second, both included.",
        "type": "array",
        "items": _NUMBER,
        "minItems": 2,
        "maxItems": 2,
    },
    "equals": {
        "description": "The value is this number, text, true, false, null, or nested list.",
        "type": ["number", "string", "boolean", "null", "array"],
    },
    "shape": {
        "description": "The value is a tensor of this shape.",
        "type": "array",
        "items": or_reference({"type": "integer", "minimum": 0}),
    },
    "dtype": {
        "description": "The value is a tensor of this dtype.",
        "type": "string",
        "examples": list(DTYPES),
    },
    "device": {
        "description": "The value is a tensor on this device; `cuda` is any `cuda:N`.",
        "type": "string",
        "examples": list(KINDS),
    },
    "golden": {
        "description": "The value is the one kept in the folder golden; null, or how near to it.",
        "type": ["object", "null"],
        "properties": {**_TOLERANCES, **dict.fromkeys(KINDS, _OF_KIND)},
        "additionalProperties": False,
    },
    "rtol": {"description": "For `equals`: the relative difference allowed.", **_ALLOWANCE},
    "atol": {"description": "For `equals`: the absolute difference allowed.", **_ALLOWANCE},
}

_BOUNDS: Schema = {
    "type": "object",
    "properties": {name: or_reference(_CHECKS[name]) for name in BOUNDS},
    "additionalProperties": False,
    "minProperties": 1,
}
_OVER_SEEDS: dict[str, Schema] = {
    SEEDS: or_reference(
        {
            "description": "Over how many seeds flowrun test runs the recipe for the statistics.",
            "type": "integer",
            "minimum": 2,
            "maximum": MOST_SEEDS,
        }
    ),
    **{
        name: {"description": f"Bounds of the {name} over the seeds.", **_BOUNDS}
        for name in STATISTICS
    },
}

DEFINITIONS: dict[str, Schema] = {
    "checks": {
        "description": "What must hold of a value after the last step.",
        "type": "object",
        "properties": {
            **{name: or_reference(_CHECKS[name]) for name in (*CHECKS, *SETTINGS)},
            **_OVER_SEEDS,
        },
        "dependentRequired": {name: [SEEDS] for name in STATISTICS},
        "dependentSchemas": {SEEDS: {"anyOf": [{"required": [name]} for name in STATISTICS]}},
        "additionalProperties": False,
        # No property has this name: it stands in the message of what has no check.
        "if": {"propertyNames": {"enum": list(SETTINGS)}},
        "then": {"required": ["a check"], "errorMessage": f"at least one of: {listed(CHECKS)}"},
    },
    "expected-error": {
        "description": "The step that must fail, and what its message says.",
        "type": "object",
        "properties": {
            "step": {"description": "The id of the step that must fail.", "type": "string"},
            "matches": {
                "description": "A regular expression that is looked for in its message.",
                "type": "string",
            },
        },
        "required": ["step"],
        "additionalProperties": False,
    },
}

EXPECT: Schema = or_reference(
    {
        "description": "What must hold of the result: value paths, and the checks of each.",
        "type": ["object", "null"],
        "properties": {
            "error": or_reference(
                {
                    "description": "That a step must fail, or the checks of a value of this name.",
                    "if": {"anyOf": [{"required": ["step"]}, {"required": ["matches"]}]},
                    "then": {"$ref": "#/$defs/expected-error"},
                    "else": {"$ref": "#/$defs/checks"},
                }
            )
        },
        "propertyNames": {
            "description": "A path into a value: metrics.mae, params.W1[0, 0], losses[-1].",
            "pattern": _PATH,
        },
        "additionalProperties": or_reference(
            {"anyOf": [{"const": GOLDEN}, {"$ref": "#/$defs/checks"}]}
        ),
    }
)
