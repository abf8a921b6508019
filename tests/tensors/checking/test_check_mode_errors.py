"""What kernels refuse a check refuses, in their words; what they do it lets through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from flowrun_tensors.checking import check_mode

Code = Callable[[], Any]


def r(*shape: int, **settings: Any) -> torch.Tensor:
    return torch.randn(*shape, **settings)


def whole(*shape: int) -> torch.Tensor:
    return torch.randint(0, 3, shape)


def tracked(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, requires_grad=True)


def add_in_place(a: torch.Tensor, b: Any) -> None:
    a += b


def changed_after_saving() -> None:
    y = tracked(3).exp()
    y += 1
    y.sum().backward()


def unpacked() -> None:
    _a, _b, _c = r(2, 3)


WRONG: dict[str, Code] = {
    "product of 3 columns and 4 rows": lambda: r(8, 3) @ r(4, 2),
    "product of float32 and float64": lambda: r(8, 3) @ r(3, 2).double(),
    "product of whole numbers and floats": lambda: whole(8, 3) @ r(3, 2),
    "product of bools": lambda: (r(8, 3) > 0) @ (r(3, 2) > 0),
    "mm of vectors": lambda: torch.mm(r(3), r(3)),
    "matrix and vector": lambda: r(8, 3) @ r(4),
    "matrix and vector of float64": lambda: r(8, 3) @ r(3).double(),
    "dot of columns": lambda: torch.dot(r(3, 1), r(3, 1)),
    "dot of two lengths": lambda: torch.dot(r(3), r(4)),
    "bmm of batches": lambda: torch.bmm(r(4, 10, 6), r(4, 10, 6)),
    "bmm of dtypes": lambda: torch.bmm(r(4, 2, 3), r(4, 3, 2).double()),
    "batches of a product": lambda: r(4, 2, 3) @ r(3, 3, 5),
    "addmm of dtypes": lambda: torch.addmm(r(2), r(8, 3), r(3, 2).double()),
    "addmm of shapes": lambda: torch.addmm(r(3), r(8, 3), r(3, 2)),
    "linear of another width": lambda: nn.Linear(4, 1)(r(8, 3)),
    "linear of float64": lambda: nn.Linear(3, 1)(r(8, 3).double()),
    "linear of whole numbers": lambda: nn.Linear(3, 1)(whole(8, 3)),
    "linear of sequences of whole numbers": lambda: nn.Linear(3, 1)(whole(2, 8, 3)),
    "linear of half": lambda: nn.Linear(3, 1)(r(8, 3).half()),
    "linear with weights turned round": lambda: F.linear(r(8, 3), r(3, 2)),
    "mean of whole numbers": lambda: whole(8).mean(),
    "std of whole numbers": lambda: whole(8, 2).std(0),
    "softmax of whole numbers": lambda: whole(8, 3).softmax(1),
    "sum over a dimension that is not there": lambda: r(8, 3).sum(2),
    "largest of none": lambda: r(0, 3).max(),
    "largest of no columns": lambda: r(3, 0).max(1),
    "position of the largest of none": lambda: r(0, 3).argmax(),
    "floats into whole numbers": lambda: add_in_place(whole(3), r(3)),
    "a number with decimals into whole numbers": lambda: add_in_place(whole(3), 0.5),
    "a table into a row": lambda: add_in_place(r(3), r(8, 3)),
    "difference of bools": lambda: (r(3) > 0) - (r(3) > 0),
    "not of floats": lambda: ~r(3),
    "and of floats": lambda: r(3) & r(3),
    "sum of 3 and 4": lambda: r(3) + r(4),
    "sum of a table and a vector of its rows": lambda: r(8, 3) + r(8),
    "where by floats": lambda: torch.where(r(3), r(3), r(3)),
    "where of shapes": lambda: torch.where(r(3) > 0, r(4), r(4)),
    "negative power of whole numbers": lambda: whole(3) ** -1,
    "nothing added": lambda: r(3) + None,  # type: ignore[operator]
    "an unknown method": lambda: r(3).tanhh(),  # type: ignore[attr-defined]
    "gelu of whole numbers": lambda: F.gelu(whole(3)),
    "dropout of more than all": lambda: F.dropout(r(3), 1.5),
    "cat of heights": lambda: torch.cat([r(8, 1), r(7, 1)], 1),
    "cat of dimensions": lambda: torch.cat([r(8, 1), r(8)]),
    "stack of lengths": lambda: torch.stack([r(3), r(4)]),
    "split of another sum": lambda: r(8).split([3, 3]),
    "too few to unpack": unpacked,
    "view of another size": lambda: r(8, 3).view(5, 5),
    "view of what is turned round": lambda: r(8, 3).T.view(24),
    "reshape of another size": lambda: r(8, 3).reshape(-1, 5),
    "expand of 3 to 4": lambda: r(8, 3).expand(8, 4),
    "squeeze of a dimension that is not there": lambda: r(8, 3).squeeze(2),
    "permute of one twice": lambda: r(8, 3).permute(0, 0),
    "one number of three": lambda: r(3).item(),
    "float of three": lambda: float(r(3)),
    "if of three": lambda: bool(r(3)),
    "len of a number": lambda: len(torch.tensor(2.0)),
    "ninth of eight": lambda: r(8, 3)[8],
    "fourth of three": lambda: r(8, 3)[:, 3],
    "three indices of two": lambda: r(8, 3)[0, 0, 0],
    "index of decimals": lambda: r(8, 3)[r(2)],
    "list of rows": lambda: r(8, 3)[[0, 8]],
    "mask of other rows": lambda: r(8, 3)[r(7) > 0],
    "mask of other rows written": lambda: r(8, 3).__setitem__(r(7) > 0, 0.0),
    "rows written of other rows": lambda: r(8, 3).__setitem__(slice(0, 3), r(4, 3)),
    "list of rows written": lambda: r(8, 3).__setitem__([0, 1], r(5, 3)),
    "rows of float64 written": lambda: r(8, 3).__setitem__(whole(2), r(2, 3).double()),
    "select backwards": lambda: r(8)[::-1],
    "gather by floats": lambda: r(8, 3).gather(1, r(8, 1)),
    "gather by dimensions": lambda: r(8, 3).gather(1, whole(8)),
    "scatter of float64": lambda: r(8, 3).scatter(1, whole(8, 1), r(8, 1).double()),
    "index_select by floats": lambda: r(8, 3).index_select(0, r(2)),
    "index_select by a table": lambda: r(8, 3).index_select(0, whole(2, 2)),
    "index_add of dtypes": lambda: r(8, 3).index_add(0, whole(2), r(2, 3).double()),
    "one_hot of floats": lambda: F.one_hot(r(3)),
    "largest four of three": lambda: r(3).topk(4),
    "embedding by floats": lambda: nn.Embedding(10, 4)(r(3)),
    "labels with decimals": lambda: F.cross_entropy(r(8, 3), r(8)),
    "labels of other rows": lambda: F.cross_entropy(r(8, 3), whole(7)),
    "labels in a column": lambda: F.cross_entropy(r(8, 3), whole(8, 1)),
    "labels of int32": lambda: F.cross_entropy(r(8, 3), whole(8).int()),
    "labels of every class": lambda: F.cross_entropy(r(8, 3), whole(8, 3)),
    "weights of other classes": lambda: F.cross_entropy(r(8, 3), whole(8), weight=r(4)),
    "nll of decimals": lambda: F.nll_loss(r(8, 3), r(8)),
    "bce of a column and a vector": lambda: F.binary_cross_entropy(r(8, 1).sigmoid(), r(8)),
    "bce of whole numbers": lambda: F.binary_cross_entropy(r(8).sigmoid(), whole(8)),
    "mse of 3 columns and a vector": lambda: F.mse_loss(r(8, 3), r(8)),
    "mse of whole numbers": lambda: F.mse_loss(whole(8), whole(8)),
    "channels of a convolution": lambda: nn.Conv2d(3, 8, 3)(r(4, 1, 8, 8)),
    "dtypes of a convolution": lambda: nn.Conv2d(1, 8, 3)(r(4, 1, 8, 8).double()),
    "a kernel larger than the image": lambda: nn.Conv2d(1, 4, 11)(r(4, 1, 8, 8)),
    "pooled to nothing": lambda: F.max_pool2d(r(4, 1, 1, 1), 2),
    "batch norm of other features": lambda: nn.BatchNorm1d(4)(r(8, 3)),
    "batch norm of one row": lambda: nn.BatchNorm1d(3)(r(1, 3)),
    "a transposed convolution of float64": lambda: nn.ConvTranspose1d(3, 4, 2)(r(1, 3, 5).double()),
    "a transposed convolution of half": lambda: nn.ConvTranspose1d(3, 4, 2)(r(1, 3, 5).half()),
    "a convolution of half by floats": lambda: F.conv2d(r(1, 3, 5, 5).half(), r(4, 3, 2, 2)),
    "a grid of another dtype": lambda: F.grid_sample(r(1, 2, 4, 4), r(1, 3, 3, 2).double()),
    "reflected bools": lambda: F.pad(r(1, 2, 4, 4) > 0, (1, 1, 1, 1), mode="reflect"),
    "halves of whole numbers": lambda: F.glu(whole(3, 4)),
    "cross product of dtypes": lambda: torch.linalg.cross(r(8, 3), r(8, 3).double()),
    "bounds of complex numbers": lambda: r(3, dtype=torch.complex64).clamp(min=0),
    "upsampled whole numbers": lambda: F.interpolate(whole(1, 2, 4, 4), (7, 7), mode="bilinear"),
    "layer norm of other features": lambda: nn.LayerNorm(10)(r(4, 10, 6)),
    "layer norm of float64": lambda: nn.LayerNorm(6)(r(4, 10, 6).double()),
    "LSTM of other features": lambda: nn.LSTM(10, 5, batch_first=True)(r(4, 10, 6)),
    "attention of other features": lambda: nn.MultiheadAttention(6, 3)(*[r(4, 1, 8)] * 3),
    "gradient of whole numbers": lambda: whole(3).requires_grad_(),
    "gradient of a vector": lambda: (tracked(3) * 2).backward(),
    "gradient of what needs none": lambda: r(3).sum().backward(),
    "a leaf in place": lambda: add_in_place(tracked(3), 1),
    "what is saved in place": changed_after_saving,
    "copy of a result": lambda: copy.deepcopy(tracked(3) * 2),
    "a parameter of whole numbers": lambda: nn.Parameter(whole(3)),
    "einsum of sizes": lambda: torch.einsum("ij,jk->ik", r(8, 3), r(4, 2)),
    "einsum of dtypes": lambda: torch.einsum("ij,jk->ik", r(8, 3), r(3, 2).double()),
    "rows of unlike length": lambda: torch.tensor([[1, 2], [3]]),
    "a negative size": lambda: torch.randn(-1),
    "normal whole numbers": lambda: torch.randn(3, dtype=torch.int64),
    "five draws of three": lambda: torch.multinomial(r(3).abs(), 5),
    "draws by whole numbers": lambda: torch.multinomial(whole(3) + 1, 2),
    "buckets of a table": lambda: torch.bucketize(r(8), r(3, 3)),
    "group norm of whole numbers": lambda: F.group_norm(whole(2, 4, 3), 2),
    "pooled complex numbers": lambda: F.max_pool1d(r(2, 3, 8, dtype=torch.complex64), 2),
    "least squares of vectors": lambda: torch.linalg.lstsq(r(3), r(3)),
    "least squares of dtypes": lambda: torch.linalg.lstsq(r(8, 3), r(8, 1).double()),
    "inverse of a table": lambda: torch.linalg.inv(r(3, 4)),
    "least squares of other rows": lambda: torch.linalg.lstsq(r(8, 3), r(7, 1)),
    "another state": lambda: nn.Linear(3, 1).load_state_dict({"weight": r(1, 11), "bias": r(1)}),
}  # fmt: skip

# Of 10,000,000 rows, so that no kernel can be asked about shapes: torch's words, of its kernels or
# of its rules for shapes, with all the sizes; and the fix, if one is known.
ROWS = 10_000_000
LARGE: dict[str, tuple[Code, str, str]] = {
    "linear": (
        lambda: nn.Linear(3, 1)(r(ROWS, 4)),
        f"must have same reduction dim, but got [{ROWS}, 4] X [3, 1]",
        "the layer takes 3 columns, but gets 4: make it for 4 inputs",
    ),
    "product": (
        lambda: r(ROWS, 4) @ r(3, 2),
        f"must have same reduction dim, but got [{ROWS}, 4] X [3, 2]",
        "the left side has 4 columns, but the right side 3 rows: make them equal",
    ),
    "sum": (
        lambda: r(ROWS, 4) + r(ROWS, 3),
        "Attempting to broadcast a dimension of length 3 at -1",
        "",
    ),
    "in place": (
        lambda: add_in_place(whole(ROWS), r(ROWS)),
        "result type Float can't be cast to the desired output type Long",
        "in place the left side keeps its dtype",
    ),
    "labels": (
        lambda: F.cross_entropy(r(ROWS, 4), r(ROWS)),
        "Long",  # and the rest as the version of torch says it
        "",
    ),
    "cat": (
        lambda: torch.cat([r(ROWS, 4), r(ROWS, 3)]),
        "Sizes of tensors must match except in dimension 0. Expected 4 in dimension 1 but got 3",
        "",
    ),
    "mask": (
        lambda: r(ROWS, 3)[r(7) > 0],
        f"The shape of the mask [7] at index 0 does not match the shape of the indexed tensor "
        f"[{ROWS}, 3] at index 0",
        "",
    ),
    "rows written": (
        lambda: r(ROWS, 3).__setitem__([0, 1], r(5, 3)),
        "value tensor of shape [5, 3] cannot be broadcast to indexing result of shape [2, 3]",
        "",
    ),
    "draws": (
        lambda: torch.multinomial(r(ROWS).abs(), ROWS + 1),
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
        "",
    ),
}


@pytest.mark.campaign(every=2, kind=lambda name, device: name)
@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
@pytest.mark.parametrize("name", WRONG)
def test_what_a_kernel_refuses_is_an_error(name: str, device: str) -> None:
    with pytest.raises(Exception) as real:  # noqa: PT011 - whatever it is
        WRONG[name]()
    mode = check_mode((device, "cpu"), {"cpu": ""})
    with mode, mode.watching(), torch.device(device), pytest.raises(type(real.value)) as found:
        WRONG[name]()
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.kind == "error"


@pytest.mark.parametrize(
    "name",
    [
        "product of 3 columns and 4 rows", "linear of float64", "mean of whole numbers",
        "floats into whole numbers", "sum of 3 and 4", "cat of heights", "view of another size",
        "ninth of eight", "mask of other rows", "labels with decimals", "labels of every class",
        "channels of a convolution", "a leaf in place", "stack of lengths", "bmm of batches",
    ],
)  # fmt: skip
def test_the_message_is_that_of_a_run(name: str) -> None:
    with pytest.raises(Exception) as real:  # noqa: PT011 - whatever it is
        WRONG[name]()
    mode = check_mode(("cpu",), {"cpu": ""})
    with mode, mode.watching(), pytest.raises(Exception) as found:  # noqa: PT011
        WRONG[name]()
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.message == str(real.value).splitlines()[0]


@pytest.mark.parametrize("name", LARGE)
def test_operands_too_large_to_ask_a_kernel_about_are_refused_with_their_sizes(name: str) -> None:
    code, message, hint = LARGE[name]
    mode = check_mode(("cpu",), {"cpu": ""})
    with mode, mode.watching(), pytest.raises((RuntimeError, IndexError)) as found:
        code()
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.kind == "error"
    assert message in diagnosis.message
    assert hint in (diagnosis.hint or "")


def test_the_operation_is_named_with_its_operands_and_a_cure() -> None:
    mode = check_mode(("cuda:0", "cpu"), {"cpu": ""})
    with mode, mode.watching(), torch.device("cuda:0"), pytest.raises(RuntimeError) as found:
        torch.randn(1000, 11) @ torch.randn(12, 64)
    diagnosis = mode.diagnose(found.value)
    assert diagnosis is not None
    assert diagnosis.operation == "matmul((1000, 11) float32 cuda:0, (12, 64) float32 cuda:0)"
    assert diagnosis.hint is not None
    assert "the left side has 11 columns, but the right side 12 rows" in diagnosis.hint


def test_a_mistake_of_a_step_is_an_error_with_the_name_of_its_kind() -> None:
    mode = check_mode(("cpu",), {"cpu": ""})
    diagnosis = mode.diagnose(KeyError("W2"))
    assert diagnosis is not None
    assert (diagnosis.kind, diagnosis.message) == ("error", "KeyError: 'W2'")


def test_what_depends_on_values_is_no_error() -> None:
    mode = check_mode(("cpu",), {"cpu": ""})
    with mode, mode.watching():
        torch.linalg.cholesky(torch.randn(3, 3))
        torch.linalg.solve(torch.randn(3, 3), torch.randn(3, 1))
        torch.multinomial(torch.randn(5), 3)
        torch.nn.functional.embedding(torch.randint(0, 99, (4,)), torch.randn(10, 2))
        torch.randn(5).topk(3)
