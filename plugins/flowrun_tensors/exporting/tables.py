"""The short forms of the steps on tables: `shuffle`, `split`, `normalize`."""

from __future__ import annotations

from typing import Any

from flowrun_tensors.exporting.script import StepLines, Value
from flowrun_tensors.exporting.text import ExportError, literal
from flowrun_tensors.steps.split import train_rows

_HOST_ELEMENTS = 2**16  # that `normalize` looks at together, and on an accelerator
_DEVICE_ELEMENTS = 2**22


def shuffle(step: StepLines) -> None:
    """`data = data[torch.randperm(len(data))]`."""
    data = step.named["data"]
    target = step.give_like("data", data, is_own=True)
    step.seed()
    device = f", device={data.name}.device" if step.script.moves else ""
    step.add(f"{target} = {data.name}[torch.randperm(len({data.name}){device})]")


def split(step: StepLines) -> None:
    """`X, y = data[:, :-1], data[:, -1:]`, and both cut after the rows to train on."""
    data, train = step.named["data"], step.options.train
    rows, width = data.shape if data.shape and len(data.shape) == 2 else (None, None)
    X, y = step.local("X"), step.local("y")
    places = _features_and_targets(step, data.name, width)
    count: int | str
    if isinstance(train, int) or rows is not None:
        count = train_rows(train, rows or 0)
    else:
        count = step.local("count")
        step.add(f"{count} = int(round({train!r} * len({data.name}), 6) + 0.5)")
    known = count if isinstance(count, int) else None
    left = None if rows is None or known is None else rows - known
    chosen = {"kind": "tensor", "dtype": data.dtype}
    names = [
        step.give(name, shape=(rows_of, None if width is None else width_of), **chosen)
        for name, rows_of, width_of in (
            ("X_train", known, None if width is None else width - places[2]),
            ("X_val", left, None if width is None else width - places[2]),
            ("y_train", known, places[2]),
            ("y_val", left, places[2]),
        )
    ]
    step.add(
        f"{X}, {y} = {places[0]}, {places[1]}",
        f"{names[0]}, {names[1]} = {X}[:{count}], {X}[{count}:]",
        f"{names[2]}, {names[3]} = {y}[:{count}], {y}[{count}:]",
    )


def _features_and_targets(step: StepLines, data: str, width: int | None) -> tuple[str, str, int]:
    """Code of the features and of the targets, and how many targets there are."""
    targets = step.options.targets
    if isinstance(targets, int):
        return f"{data}[:, :-{targets}]", f"{data}[:, -{targets}:]", targets
    names = [targets] if isinstance(targets, str) else list(targets)
    columns = step.named.get("columns")
    if columns is None:
        raise ExportError("the columns have no names, and `targets` names some")
    if columns.detail is None or width is None:
        places, rest = step.local("targets"), step.local("rest")
        step.add(
            f"{places} = list(map({columns.name}.index, {literal(names)}))",
            f"{rest} = [index for index in range({data}.shape[1]) if index not in {places}]",
        )
        return f"{data}[:, {rest}]", f"{data}[:, {places}]", len(names)
    if unknown := [name for name in names if name not in columns.detail]:
        raise ExportError(f"there is no column `{unknown[0]}`; there are: {list(columns.detail)}")
    if twice := [name for name in names if (*names, *columns.detail).count(name) > 2]:
        raise ExportError(f"`{twice[0]}` is a target and names two columns")
    places = [columns.detail.index(name) for name in names]
    rest = [index for index in range(width) if index not in places]
    return f"{data}{_columns(rest, width)}", f"{data}{_columns(places, width)}", len(names)


def _columns(places: list[int], width: int) -> str:
    """The index of some columns: a slice if they are neighbours, as the step takes them."""
    first, last = places[0], places[-1] + 1
    if places != list(range(first, last)):
        return f"[:, {places}]"
    if first == 0:
        return f"[:, :{last - width}]" if last < width else "[:, :]"
    return f"[:, {first - width}:]" if last == width else f"[:, {first}:{last}]"


_NORMALIZED = """
{first} = {X}[0].{wide}()  # so that a large mean costs no digits
{shifted} = {X}.{wide}() - {first}  ## one_block
{mean} = {shifted}.mean(0)  ## one_block
{squares} = ({shifted} - {mean}).square().sum(0)  ## one_block
{mean}, {squares} = {moments}({X}.{wide}() - {first})  ## not one_block
{std} = ({squares} / (len({X}) - 1)).sqrt().to({dtype})
assert {std}.isfinite().all(), "a column is not finite, or too large"
{std}[{squares} == 0] = 1  # a column that is constant has no scale
{mean} = ({first} + {mean}).to({dtype})
{new_X}, {new_X_val} = ({X} - {mean}) / {std}, ({X_val} - {mean}) / {std}  ## crossed
{new_X} = ({X} - {mean}) / {std}  ## not crossed
{new_X_val} = ({X_val} - {mean}) / {std}  ## not crossed
"""


def normalize(step: StepLines) -> None:
    """Mean and deviation of the training rows, in float64, and both parts scaled by them."""
    X, X_val = step.named["X_train"], step.named["X_val"]
    mean, std, device = step.target("mean"), step.target("std"), step.script.device
    elements = _HOST_ELEMENTS if device == "cpu" else _DEVICE_ELEMENTS
    one_block = _is_one_block(X, elements)
    known: dict[str, Any] = {"dtype": X.dtype, "is_own": True}
    scaled = step.give("X_train", "tensor", shape=X.shape, **known)
    step.write(
        _NORMALIZED, X=X.name, X_val=X_val.name, mean=mean, std=std, one_block=one_block,
        moments="" if one_block else step.script.helper("moments", _moments(elements)),
        wide="float" if device.startswith("mps") else "double",  # which has no float64
        dtype=f"{X.name}.dtype" if X.dtype is None else f"torch.{X.dtype}",
        new_X=scaled, crossed=scaled == X_val.name,
        new_X_val=step.give("X_val", "tensor", shape=X_val.shape, **known),
    )  # fmt: skip
    step.give("mean", "tensor", **known)
    step.give("std", "tensor", **known)


def _is_one_block(X: Value, elements: int) -> bool:
    """Whether the step certainly looks at all rows together."""
    if not X.shape or len(X.shape) != 2 or X.shape[0] is None or X.shape[1] is None:
        return False
    return X.shape[0] <= max(1, elements // max(1, X.shape[1]))


def _moments(elements: int) -> list[str]:
    return [
        "def NAME(X):",
        '    """The mean of each column, and its squared differences from that, a block at a time.',
        "",
        "    Blocks are joined as by Chan, Golub and LeVeque (1979).",
        '    """',
        "    done, mean, squares = 0, 0, 0",
        f"    for block in X.split(max(1, {elements} // max(1, X[0].numel()))):",
        "        count, total = len(block), done + len(block)",
        "        own_mean = block.mean(0)",
        "        shift = own_mean - mean",
        "        own_squares = (block - own_mean).square().sum(0)",
        "        squares = squares + own_squares + shift.square() * (done * count / total)",
        "        mean = mean + shift * (count / total)",
        "        done = total",
        "    return mean, squares",
    ]
