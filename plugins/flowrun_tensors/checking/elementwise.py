"""Functions of torch that act on single elements: no number among their operands is a size."""

from __future__ import annotations

# Of two tensors, which are spread against each other where their shapes differ.
SPREAD = frozenset(
    "add sub subtract rsub mul multiply div divide true_divide floor_divide remainder fmod pow "
    "float_power maximum minimum fmax fmin atan2 arctan2 hypot logaddexp logaddexp2 xlogy copysign "
    "nextafter eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and "
    "logical_or logical_xor bitwise_and bitwise_or bitwise_xor and or xor where lerp isclose "
    "squared_difference".split()
)
LOSSES = frozenset(
    "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss poisson_nll_loss kl_div "
    "gaussian_nll_loss".split()
)
# Beside these, of which a further operand is a number: it says nothing of the result's shape.
WITH_NUMBERS = SPREAD | frozenset(
    "clamp clip clamp_min clamp_max fill full full_like new_full masked_fill addcmul addcdiv "
    "threshold leaky_relu elu celu hardtanh relu6 softplus dropout nan_to_num addmm addmv addbmm "
    "baddbmm addr uniform normal exponential log_normal geometric cauchy bernoulli index_fill "
    "index_add quantile tensor as_tensor asarray scalar_tensor linspace logspace heaviside "
    "polygamma renorm".split()
)


def plain_name(name: str) -> str:
    """The name without what marks an operator, or a form in place: `add` of `__iadd__`."""
    if name.startswith("__") and name.endswith("__"):
        name = name.strip("_")
        for prefix in ("i", "r"):
            if name[:1] == prefix and (name[1:] in SPREAD or name[1:] in _OPERATORS):
                name = name[1:]
        return _OPERATORS.get(name, name)
    return name.rstrip("_")


_OPERATORS = {"truediv": "div", "floordiv": "floor_divide", "mod": "remainder"}
