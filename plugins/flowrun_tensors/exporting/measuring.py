"""The short form of `bench`."""

from __future__ import annotations

from flowrun_tensors.exporting.script import StepLines
from flowrun_tensors.exporting.text import literal

_SIZES = {"add": 1_000_000, "matmul": 2_000}


def bench(step: StepLines) -> None:
    """torch.utils.benchmark's Timer on lists and tensors, or on a product on each device."""
    measure = step.options.measure
    n, seconds = step.options.n or _SIZES[measure], literal(step.options.seconds)
    step.script.use("torch.utils.benchmark", "Timer")
    median = step.script.helper("median", _MEDIAN)
    timings, name = step.give("timings", "dict"), step.local("device")
    if measure == "add":
        function = step.script.helper("lists_and_tensors", _ADD.format(median).splitlines())
        step.add(f"{timings} = {function}({n}, {seconds})")
        return
    function = step.script.helper("product", _MATMUL.format(median).splitlines())
    step.seed()
    step.add(f'{timings} = {{"n": {n}}}')
    step.add("# Every accelerator of this machine, and the processor.")
    step.begin(f'for {name} in [*range(torch.accelerator.device_count()), "cpu"]:')
    step.add(f'{timings}[str(torch.device({name})).replace(":", "_")] = '
             f"{function}({n}, {name}, {seconds})")  # fmt: skip
    step.end()


_MEDIAN = [
    "def NAME(seconds, statement, **names):",
    "    timer = Timer(statement, globals=names, num_threads=torch.get_num_threads())",
    "    timer.timeit(1)  # kernels are chosen and loaded at the first call",
    "    return timer.blocked_autorange(min_run_time=seconds).median",
]
_ADD = """def NAME(n, seconds):
    a, b = list(range(n)), list(range(n))
    lists = {0}(seconds, "[x + y for x, y in zip(a, b)]", a=a, b=b)
    tensors = {0}(seconds, "a + b", a=torch.tensor(a), b=torch.tensor(b))
    return {{"n": n, "lists": lists, "tensors": tensors, "ratio": lists / tensors}}"""
_MATMUL = """def NAME(n, device, seconds):
    a, b = torch.randn(n, n, device=device), torch.randn(n, n, device=device)
    wait = "" if device == "cpu" else "; torch.accelerator.synchronize(a.device)"
    taken = {0}(seconds, "a @ b" + wait, a=a, b=b, torch=torch)
    return {{"seconds": taken, "gflops": 2 * n**3 / taken / 1e9}}"""
