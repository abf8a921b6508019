"""A small, safe expression language over named values: parsed with `ast`, never `eval`ed."""

from flowrun_tensors.expressions.evaluating import evaluate
from flowrun_tensors.expressions.parsing import (
    EXPRESSION,
    Expression,
    ExpressionError,
    expression_inputs,
    parse_expression,
    parse_option,
)

__all__ = [
    "EXPRESSION",
    "Expression",
    "ExpressionError",
    "evaluate",
    "expression_inputs",
    "parse_expression",
    "parse_option",
]
