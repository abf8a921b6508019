"""The step `bench`: the two measurements of the article."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from flowrun import Context, Meta, Unknown, step
from flowrun_tensors.lazy_torch import torch

_SIZES = {"add": 1_000_000, "matmul": 2_000}


# A measurement is not skipped.
@step(outputs="timings", random=True, effect=True)
def bench(
    *,
    measure: Annotated[
        Literal["add", "matmul"],
        Meta(description="add: n numbers in lists and in tensors; matmul: n by n on each device."),
    ],
    n: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(description="The size; by default one that ends within seconds."),
    ] = None,
    seconds: Annotated[
        float, Meta(gt=0, description="Measure each form for at least this long.")
    ] = 0.5,
    ctx: Context,
) -> dict[str, Any]:
    """Measure how fast tensors and devices are (torch.utils.benchmark, medians).

    `bench: {measure: add, n: 1000000}`: the sum of two sequences of n whole numbers, as lists with
    a comprehension and as int64 tensors: `lists` and `tensors` in seconds, `ratio` between them.
    `bench: {measure: matmul}`: the product of two n by n matrices of the recipe's dtype on every
    device present: for each (`cpu`, `cuda_0`) `seconds` and `gflops` (2 n^3 operations in 10^9 a
    second). Devices are synchronized.
    """
    size = n or _SIZES[measure]
    if measure == "add":
        return _add(size, seconds)
    return {"n": size} | {
        device.replace(":", "_"): _matmul(size, device, seconds) for device in ctx.plugins.devices
    }


@bench.on_shapes
def _on_shapes(*, measure: str, n: int | None, seconds: float, ctx: Context) -> dict[str, Any]:
    """One call of the measured operation, without a measurement."""
    size = n or _SIZES[measure]
    if measure == "add":
        torch.empty(size, dtype=torch.int64) + torch.empty(size, dtype=torch.int64)
        return {"n": size} | {name: Unknown("float") for name in ("lists", "tensors", "ratio")}
    for device in ctx.plugins.devices:
        torch.empty(size, size, device=device) @ torch.empty(size, size, device=device)
    measured = {"seconds": Unknown("float"), "gflops": Unknown("float")}
    return {"n": size} | {device.replace(":", "_"): measured for device in ctx.plugins.devices}


def _add(n: int, seconds: float) -> dict[str, Any]:
    a, b = list(range(n)), list(range(n))
    lists = _median("[x + y for x, y in zip(a, b)]", {"a": a, "b": b}, seconds)
    tensors = _median("a + b", {"a": torch.tensor(a), "b": torch.tensor(b)}, seconds)
    return {"n": n, "lists": lists, "tensors": tensors, "ratio": lists / tensors}


def _matmul(n: int, device: str, seconds: float) -> dict[str, float]:
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    synchronize = "" if device == "cpu" else f"; torch.{device.partition(':')[0]}.synchronize()"
    median = _median(f"a @ b{synchronize}", {"a": a, "b": b, "torch": torch}, seconds)
    return {"seconds": median, "gflops": 2 * n**3 / median / 1e9}


def _median(statement: str, names: dict[str, Any], seconds: float) -> float:
    from torch.utils.benchmark import Timer

    timer = Timer(statement, globals=names, num_threads=torch.get_num_threads())
    timer.timeit(1)  # warm up: kernels are chosen and loaded at the first call
    return float(timer.blocked_autorange(min_run_time=seconds).median)
