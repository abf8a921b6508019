"""The short forms of the steps on single tensors: `tensor` to `show`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flowrun_tensors.exporting.expressions import Writer, calls_backward, has_gradient
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
        target = step.give(
            name, "tensor", dtype=found, shape=_shape(value), is_own=True,
            is_tracked=step.options.requires_grad,
        )  # fmt: skip
        named = {"dtype": f"torch.{dtype}"} if dtype else {}
        named |= {"requires_grad": "True"} if step.options.requires_grad else {}
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
        is_tracked = step.options.requires_grad
        target = step.give(
            name, "tensor", dtype=dtype, shape=shape, is_own=True, is_tracked=is_tracked
        )
        named = {"requires_grad": "True"} if is_tracked else {}
        step.add(f"{target} = {call(f'torch.{kind}', given, named)}")


def compute(step: StepLines) -> None:
    """`c = 2 * (a + b)`: the expressions themselves, with `torch.` before functions."""
    expressions = {name: parse_option(text, name) for name, text in step.options.named.items()}
    if any(map(calls_backward, expressions.values())):
        for name, value in step.named.items():
            if value.is_tracked:
                step.named[name] = _tracked(step, name)
    writer = Writer(step.named)
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
    code = f"{value.name}{'.detach()' if value.is_tracked else ''}.numpy()"
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
    detached = ".detach()" if value.is_tracked else ""
    step.add(f"{copy.name} = {value.name}{detached}.clone().requires_grad_()")
    return copy


_BEFORE = """
{trace} = []
{points} = [{x}.detach().clone()]  ## points
"""
_STEP = """
{f} = {expression}
{f}.backward()
"""
_RECORD = """
{trace}.append({f}{as_scalar}.detach())
{points}.append({x}.detach().clone())  ## points
if {trace}[1:] and abs(float({trace}[-1] - {trace}[-2])) < {tolerance}:  ## tolerance
    break  ## tolerance
"""
_AFTER = """
{trace} = torch.stack({trace})
{points} = torch.stack({points})  ## points
assert {trace}.isfinite().all(), "the value is not finite: lower `lr`"
"""


def minimize(step: StepLines) -> None:
    """The loop: the expression, `backward`, the updates, and the gradients reset."""
    options = step.options
    by = [options.by] if isinstance(options.by, str) else list(options.by)
    expression = parse_option(options.of, "of")
    found = {name: step.target(name, over=(name,)) for name in by}
    writer = Writer(
        step.named | {name: replace(step.named[name], name=x) for name, x in found.items()}
    )
    codes = {
        "trace": step.target("trace"), "x": found[by[0]],
        "points": step.target("points") if isinstance(options.by, str) else "",
        "expression": writer.code(expression), "as_scalar": _as_scalar(writer, expression),
        "tolerance": options.tolerance and literal(options.tolerance),
    }  # fmt: skip
    for name, x in found.items():
        detached = ".detach()" if step.named[name].is_tracked else ""
        step.add(f"{x} = {step.named[name].name}{detached}.clone().requires_grad_()")
    step.write(_BEFORE, **codes)
    step.begin(f"for _ in range({options.steps}):")
    step.write(_STEP, **codes)
    updates = [f"{x} -= {literal(options.lr)} * {x}.grad" for x in found.values()]
    if options.no_grad:
        step.block("with torch.no_grad():", *updates)
    else:
        step.add(*updates)
    if not options.accumulate:
        step.add(*(f"{x}.grad = None" for x in found.values()))
    step.write(_RECORD, **codes)
    step.end()
    for name, x in found.items():
        tracked = ".requires_grad_()" if step.named[name].is_tracked else ""
        step.add(f"{x} = {x}.detach(){tracked}")
        step.give_like(name, step.named[name], is_own=True)
    step.write(_AFTER, **codes)
    step.give("trace", "tensor", is_own=True)
    if codes["points"]:
        step.give("points", "tensor", is_own=True)


def show(step: StepLines) -> None:
    """`print(a)`, with its name if the recipe gives one."""
    options = step.options
    settings = {
        name: literal(getattr(options, name))
        for name in ("precision", "threshold", "edgeitems", "sci_mode")
        if getattr(options, name) is not None
    }
    values = step.named
    if options.library == "numpy":
        values = {name: _as_array(value) for name, value in values.items()}
    writer = Writer(values, options.library)
    if settings and options.format is None:
        step.add(call(f"{options.library}.set_printoptions", [], settings))
    for name, text in options.named.items():
        code = writer.printed(parse_option(text, name))
        if options.format is not None:
            is_tensor = text in values and values[text].kind == "tensor"
            numbers = code if is_tensor else f"torch.as_tensor({code})"
            number = step.local("number")
            line = f"print({literal(options.format)}.format({number}))"
            step.block(f"for {number} in {numbers}.flatten().tolist():", line)
        else:
            label = "" if name == text else f"{literal(f'{name} =')}, "
            step.add(f"print({label}{code})")
    if settings and options.format is None:
        usual = {"torch": 'profile="default"', "numpy": "precision=8, threshold=1000, edgeitems=3"}
        step.add(f"{options.library}.set_printoptions({usual[options.library]})")
    if any("numpy." in line for line in step.lines):
        step.script.use("numpy")


def _as_array(value: Value) -> Value:
    """A tensor as the array that shares its memory."""
    if value.kind != "tensor":
        return value
    return replace(value, name=f"{value.name}{'.detach()' if value.is_tracked else ''}.numpy()")
