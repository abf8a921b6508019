"""The keys beside a step's name, as JSON Schema; `device` and `dtype` are a recipe's as well."""

from __future__ import annotations

from typing import Any

from flowrun.cli.schema.references import Schema, or_reference
from flowrun.plugins.steps import Step
from flowrun.recipes.devices import AUTO, DTYPES, KINDS

# Letters of other alphabets are letters too; which characters are is left to flowrun.
_VALUE_NAME_PATTERN = r"^(?:[A-Za-z_]|[^\x00-\x7F])(?:[A-Za-z0-9_]|[^\x00-\x7F])*$"
_ID_PATTERN = r"^(?:[A-Za-z_-]|[^\x00-\x7F])(?:[A-Za-z0-9_-]|[^\x00-\x7F])*$"

DEVICE: Schema = or_reference(
    {
        "anyOf": [
            {"enum": [AUTO, *KINDS]},
            {"type": "string", "pattern": f"^({'|'.join(KINDS)})(:[0-9]{{1,3}})?$"},
        ]
    }
)
DTYPE: Schema = or_reference({"enum": list(DTYPES)})

_VALUE_NAME: Schema = or_reference({"type": "string", "pattern": _VALUE_NAME_PATTERN})
_VALUE_NAME_OR_NULL: Schema = {"anyOf": [*_VALUE_NAME["anyOf"], {"type": "null"}]}

DEFINITIONS: dict[str, Schema] = {
    "value-name": {
        "description": "The name of a value: letters, digits and `_`.",
        **_VALUE_NAME,
    },
    "value-name-or-null": {
        "description": "The name of a value, or null to leave the input to its default.",
        **_VALUE_NAME_OR_NULL,
    },
}
_NAME: Schema = {"$ref": "#/$defs/value-name"}
_NAME_OR_NULL: Schema = {"$ref": "#/$defs/value-name-or-null"}
_IN = "The step's inputs, each with the name of the value it takes."
_OUT = "The step's outputs, each with the name of the value it gives."

STEP_KEY_SCHEMAS: dict[str, Schema] = {
    "id": or_reference(
        {
            "description": "What this step is called in messages, in --set and by `extends`.",
            "type": "string",
            "pattern": _ID_PATTERN,
        }
    ),
    "in": or_reference(
        {"description": _IN, "type": "object", "additionalProperties": _NAME_OR_NULL}
    ),
    "out": or_reference({"description": _OUT, "type": "object", "additionalProperties": _NAME}),
    "device": {"description": "A device of the step's own.", **DEVICE},
    "dtype": {"description": "A dtype of the step's own.", **DTYPE},
    "cache": or_reference(
        {
            "description": "Whether the bytes of the step's values are kept, in place of "
            "flowrun's own rule.",
            "type": "boolean",
        }
    ),
}


def wiring_of(step: Step[..., Any]) -> dict[str, Schema]:
    """`in` and `out` of one step, by the names it has; any name where they follow from options."""
    inputs = {value.name: _NAME if value.required else _NAME_OR_NULL for value in step.inputs}
    outputs = dict.fromkeys(step.usual_outputs, _NAME)
    return {
        "in": _renames(_IN, inputs, _NAME_OR_NULL if step.inputs_of is not None else False),
        "out": _renames(_OUT, outputs, _NAME if step.outputs_of is not None else False),
    }


def _renames(description: str, names: dict[str, Schema], others: Schema | bool) -> Schema:
    return or_reference(
        {
            "description": description,
            "type": "object",
            "properties": names,
            "additionalProperties": others,
        }
    )
