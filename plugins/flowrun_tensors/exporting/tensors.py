"""The short forms of the steps on single tensors: `tensor` to `minimize`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flowrun_tensors.exporting.expressions import Writer, has_gradient
from flowrun_tensors.exporting.networks import layers_of
from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import call, literal, mapping
from flowrun_tensors.expressions import Expression, parse_option


def tensor(step: StepLines) -> None:
    """`a = torch.tensor([1, 2, 3])`."""
    dtype = step.options.dtype
    for name, value in step.options.named.items():
        kinds = {type(one) for one in _numbers(value)}
        found = dtype or (step.script.dtype if float in kinds or not kinds
                          else "int64" if int in kinds else "bool")  # fmt: skip
        target = step.give(name, "tensor", dtype=found, shape=_shape(value), is_own=True)
        named = {"dtype": f"torch.{dtype}"} if dtype else {}
        step.add(f"{target} = {call('torch.tensor', [literal(value)], named)}")


def _numbers(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _numbers(item)
    else:
        yield value


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    return (len(value), *(_shape(value[0]) if value else ()))


def random(step: StepLines) -> None:
    """`x = torch.randn(2, 3)`, and torch's other functions that make a tensor by its shape."""
    if any(kind.startswith("rand") for rule in step.options.named.values() for kind in rule):
        step.seed()
    for name, rule in step.options.named.items():
        (kind,) = (key for key in rule if key not in ("low", "high"))
        numbers = rule[kind] if isinstance(rule[kind], list) else [rule[kind]]
        given = [literal(number) for number in numbers]
        dtype, shape = step.script.dtype, tuple(numbers)
        if kind == "randint":
            shape_code = literal(tuple(numbers))
            given = [literal(rule.get("low", 0)), literal(rule["high"]), shape_code]
        elif not numbers:
            given = ["()"]
        if kind in ("randint", "randperm", "arange"):
            dtype = "int64"
            shape = shape if kind == "randint" else (None,)
        target = step.give(name, "tensor", dtype=dtype, shape=shape, is_own=True)
        step.add(f"{target} = {call(f'torch.{kind}', given, {})}")


def compute(step: StepLines) -> None:
    """`c = 2 * (a + b)`: the expressions themselves, with `torch.` before functions."""
    writer = Writer(step.named)
    expressions = {name: parse_option(text, name) for name, text in step.options.named.items()}
    for position, (name, expression) in enumerate(expressions.items()):
        later = [used for one in [*expressions.values()][position + 1 :] for used in one.names]
        target = step.target(name, over=(name, *(one for one in step.named if one not in later)))
        step.add(*writer.assignment(target, expression))
        kind = writer.kind(expression.tree)
        if expression.target is not None:
            kind = writer.values[expression.target].kind
        kind = {"size": "list", "dtype": "text", "device": "text"}.get(kind, kind)
        step.give(name, kind)
        writer.values[name] = Value(target, kind)


def numpy(step: StepLines) -> None:
    """The same with NumPy, on arrays that share the tensors' memory."""
    arrays = {name: _array(step, name, value) for name, value in step.named.items()}
    writer = Writer(arrays, "numpy")
    expressions = {name: parse_option(text, name) for name, text in step.options.named.items()}
    for position, (name, expression) in enumerate(expressions.items()):
        later = {used for one in [*expressions.values()][position + 1 :] for used in one.names}
        plain = [one for one, value in arrays.items() if value.name == step.named[one].name]
        target = step.target(name, over=(name, *(one for one in step.named if one not in plain)))
        kind = writer.kind(expression.tree)
        is_array = kind in ("tensor", "") or expression.target is not None
        made = step.local(f"{name}_array") if is_array else target
        if is_array and name not in later and expression.target is None:
            made = writer.code(expression)
        else:
            step.add(*writer.assignment(made, expression))
        kind = {"size": "list"}.get(kind, kind)
        if is_array:
            device = "" if step.script.device == "cpu" else ', device="cpu"'
            tensor_code = f"torch.as_tensor({made}{device})"
            if kind == "":
                tensor_code += f" if isinstance({made}, (numpy.ndarray, numpy.generic)) else {made}"
            step.add(f"{target} = {tensor_code}")
        step.give(name, "tensor" if expression.target is not None else kind)
        writer.values[name] = Value(made, kind)
    if any("numpy." in line for line in step.lines):
        step.script.use("numpy")


def _array(step: StepLines, name: str, value: Value) -> Value:
    """An input as an array, if it is a tensor."""
    if value.kind not in ("tensor", ""):
        return value
    array = step.local(f"{name}_array")
    code = f"{value.name}.numpy()"
    if value.kind == "":
        code = f"{value.name}.detach().numpy() if torch.is_tensor({value.name}) else {value.name}"
    step.add(f"{array} = {code}")
    return replace(value, name=array)


def cast(step: StepLines) -> None:
    """`a = a.to(torch.float32)`."""
    for name, dtype in step.options.named.items():
        _moved(step, name, f"torch.{dtype}", dtype=dtype)


def place(step: StepLines) -> None:
    """`a = a.to("cuda")`."""
    for name, device in step.options.named.items():
        _moved(step, name, literal(device))


def _moved(step: StepLines, name: str, where: str, **known: Any) -> None:
    value = step.named[name]
    target = step.target(name, over=(name,))
    step.give_like(name, value, **known)
    step.add(f"{target} = {value.name}.to({where})")


def grad(step: StepLines) -> None:
    """`f.backward()`, and the gradients by name."""
    expression, by = parse_option(step.options.of, "of"), step.options.by
    tracked = {name: _tracked(step, name) for name in by}
    writer = Writer({**step.named, **tracked})
    f = step.target("f")
    step.add(f"{f} = {writer.code(expression)}")
    if all(has_gradient(expression, name) for name in by):
        step.add(f"{f}.backward()")
        gradients = mapping((literal(name), f"{tracked[name].name}.grad") for name in by)
    else:
        names = ", ".join(tracked[name].name for name in by)
        more = "allow_unused=True, materialize_grads=True"
        found = step.local("gradients")
        step.add(f"{found} = torch.autograd.grad({f}, [{names}], {more})")
        gradients = f"dict(zip({literal(list(by))}, {found}))"
    step.give("f", "tensor", shape=(), is_own=True)
    step.add(f"{f} = {f}{_as_scalar(writer, expression)}.detach()")
    step.add(f"{step.give('grads', 'dict', detail=layers_of(by))} = {gradients}")


def _as_scalar(writer: Writer, expression: Expression) -> str:
    """What makes one number of an expression's value, if that may have dimensions."""
    return "" if writer.is_scalar(expression.tree) else ".reshape(())"


def _tracked(step: StepLines, name: str) -> Value:
    """A copy of a value by which torch differentiates."""
    value = step.named[name]
    copy = replace(value, name=step.local(f"{name}_tracked"))
    step.add(f"{copy.name} = {value.name}.clone().requires_grad_()")
    return copy


_DESCENT = """
{x} = {first}.clone().requires_grad_()
{trace}, {points} = [], [{x}.detach().clone()]
for _ in range({steps}):
    {f} = {expression}
    {f}.backward()
    with torch.no_grad():  ## no_grad
        {x} -= {lr} * {x}.grad  ## no_grad
    {x} -= {lr} * {x}.grad  ## not no_grad
    {x}.grad = None  ## not accumulate
    {trace}.append({f}{as_scalar}.detach())
    {points}.append({x}.detach().clone())
    if {trace}[1:] and abs(float({trace}[-1] - {trace}[-2])) < {tolerance}:  ## tolerance
        break  ## tolerance
{x} = {x}.detach()
{trace}, {points} = torch.stack({trace}), torch.stack({points})
assert {trace}.isfinite().all(), "the value is not finite: lower `lr`"
"""


def minimize(step: StepLines) -> None:
    """The loop: the expression, `backward`, the update, and the gradient reset."""
    options = step.options
    expression, by = parse_option(options.of, "of"), options.by
    x = step.target(by, over=(by,))
    writer = Writer({**step.named, by: replace(step.named[by], name=x)})
    step.write(
        _DESCENT, x=x, trace=step.target("trace"), points=step.target("points"),
        first=step.named[by].name, expression=writer.code(expression), steps=options.steps,
        lr=literal(options.lr), no_grad=options.no_grad, accumulate=options.accumulate,
        tolerance=options.tolerance and literal(options.tolerance),
        as_scalar=_as_scalar(writer, expression),
    )  # fmt: skip
    step.give_like(by, step.named[by], is_own=True)
    step.give("trace", "tensor", is_own=True)
    step.give("points", "tensor", is_own=True)
