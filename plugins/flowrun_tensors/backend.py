"""torch as a backend: its devices, its mode for checks, and its settings around each step."""

from __future__ import annotations

import platform
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flowrun import Backend, Call, CheckMode, Context, FlowrunError, Setting, Step
from flowrun_tensors.input_types import explain_type_errors
from flowrun_tensors.lazy_torch import torch, when_imported
from flowrun_tensors.tensor_parts import is_plain, parts_of
from flowrun_tensors.torch_settings import torch_settings

# Device files without which no build of torch can have an accelerator under Linux: NVIDIA, NVIDIA
# under WSL, AMD, and the render nodes that Intel's GPUs need.
_ACCELERATOR_FILES = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg", "/dev/kfd", "/dev/dri")


class TensorBackend(Backend):
    """Imports torch only when it is needed."""

    def devices(self) -> dict[str, str]:
        """CUDA (ROCm included), XPU, MPS, and the CPU, with descriptions.

        Where the machine cannot have an accelerator, torch is not imported to ask.
        """
        found: dict[str, str] = {}
        if _may_have_accelerator():
            for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
                found[f"cuda:{index}"] = torch.cuda.get_device_name(index)
            for index in range(torch.xpu.device_count() if torch.xpu.is_available() else 0):
                found[f"xpu:{index}"] = torch.xpu.get_device_name(index)
            if torch.backends.mps.is_available():
                found["mps:0"] = "Apple GPU"
        found["cpu"] = platform.processor() or platform.machine()
        return found

    def check_mode(self, devices: tuple[str, ...], present: Mapping[str, str]) -> CheckMode:
        """Tensors without data."""
        from flowrun_tensors.checking import check_mode

        return check_mode(devices, present)

    def settings(self) -> tuple[Setting, ...]:
        """Those of torch."""
        return torch_settings()

    @contextmanager
    def around_step(self, step: Step[..., Any], ctx: Context, call: Call) -> Iterator[None]:
        """Move inputs to the step's device; set the seed, and the default dtype and device."""
        _place_inputs(ctx, call)
        with (
            _inputs_unwritten(call),
            _gradients_unchanged(call),
            _step_settings(step, ctx, call),
            explain_type_errors(call),
        ):
            yield


def _place_inputs(ctx: Context, call: Call) -> None:
    """Move a step's inputs to its own `device`, and cast floating ones to its own `dtype`.

    Only for a step that has a `device` or `dtype` of its own in the recipe: nothing moves
    silently. What moved, and how much, is said in the step's messages.
    """
    if call.step.device is not None:
        moved = _changed(
            call,
            lambda tensor: str(tensor.device) != ctx.device,
            lambda tensor: tensor.to(ctx.device),
        )
        _say(ctx, moved, f"moved to {ctx.device}")
    if call.step.dtype is not None:
        dtype = getattr(torch, ctx.dtype)
        cast = _changed(
            call,
            lambda tensor: tensor.is_floating_point() and tensor.dtype != dtype,
            lambda tensor: tensor.to(dtype),
        )
        _say(ctx, cast, f"cast to {ctx.dtype}")


@contextmanager
def _inputs_unwritten(call: Call) -> Iterator[None]:
    """Raise FlowrunError if the step writes to a tensor that it was given.

    Other steps may take the same tensor, and its record would no longer describe its content. torch
    counts the writes to each tensor.
    """
    before = [(name, tensor, tensor._version) for name, tensor in _input_tensors(call)]
    yield
    for name, tensor, version in before:
        if tensor._version != version:
            raise FlowrunError(
                f"the step has changed its input `{name}` in place, which other steps may take as "
                f"well\nwork on a copy: `{name} = {name}.clone()`"
            )


@contextmanager
def _gradients_unchanged(call: Call) -> Iterator[None]:
    """Give each input back the `grad` that it had before the step.

    Otherwise `backward` in one step would leave a gradient to the steps after it, but not if the
    step is kept. Raises FlowrunError if the step returns an input whose gradient it has changed.
    """
    before = [
        (name, tensor, tensor.grad, None if tensor.grad is None else tensor.grad.clone())
        for name, tensor in _input_tensors(call)
        if tensor.requires_grad and tensor.is_leaf
    ]
    yield
    for name, tensor, grad, copy in before:
        is_same = grad is None or copy is None or _are_equal(grad, copy)
        if tensor.grad is grad and is_same:
            continue
        if any(tensor is returned for returned in _tensors(call.returned)):
            raise FlowrunError(
                f"the step returns its input `{name}`, whose gradient it has changed; other steps "
                f"may take that input as well\nreturn a copy: `{name} = "
                f"{name}.detach().clone().requires_grad_()` before the gradient is computed"
            )
        if grad is not None and copy is not None:
            with torch.no_grad():
                grad.copy_(copy)
        tensor.grad = grad


def _are_equal(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are equal part by part: a sparse one may be too large as a dense one."""
    if one.layout is not other.layout or one.shape != other.shape:
        return False
    if is_plain(one):
        return torch.equal(one, other)
    parts, others = parts_of(one), parts_of(other)
    return all(torch.equal(part, others[name]) for name, part in parts.items())


@contextmanager
def _step_settings(step: Step[..., Any], ctx: Context, call: Call) -> Iterator[None]:
    """Seed the generators of torch, `random` and NumPy, set torch's defaults; restore all.

    A step that names torch has it imported before it is called; for any other, and for NumPy, that
    is done when something it calls imports it. In a check nothing is drawn on a device that may not
    be there, and no memory is taken.
    """
    with ExitStack() as stack:
        stack.callback(random.setstate, random.getstate())
        random.seed(ctx.seed)
        if "numpy" in sys.modules:
            _seed_numpy(stack, ctx)
        else:
            stack.enter_context(when_imported("numpy", partial(_seed_numpy, stack, ctx)))
        if "torch" in sys.modules or _names_torch(step):
            _set_torch(stack, ctx, call)
        else:
            stack.enter_context(when_imported("torch", partial(_set_torch, stack, ctx, call)))
        yield


def _seed_numpy(stack: ExitStack, ctx: Context) -> None:
    """Seed NumPy's generator; the stack restores it."""
    random_of_numpy = sys.modules["numpy"].random
    stack.callback(random_of_numpy.set_state, random_of_numpy.get_state())
    random_of_numpy.seed(ctx.seed % 2**32)


def _set_torch(stack: ExitStack, ctx: Context, call: Call) -> None:
    """Seed torch's generators, set default dtype, device and modes; the stack restores them."""
    kind, _, index = ctx.device.partition(":")
    has_generator = kind in ("cuda", "xpu") and not call.on_shapes
    indices = [int(index)] if index and has_generator else []
    stack.enter_context(torch.random.fork_rng(indices, device_type=kind if indices else "cuda"))
    torch.manual_seed(ctx.seed)
    # What the caller of a run has set must not decide its result.
    if torch.is_inference_mode_enabled():  # only then: to leave it has threads of autograd set
        stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.enable_grad())
    stack.callback(torch.set_default_dtype, torch.get_default_dtype())
    torch.set_default_dtype(getattr(torch, ctx.dtype))
    if kind != "cpu":
        stack.enter_context(torch.device(ctx.device))
    if kind == "cuda" and not call.on_shapes:
        stack.enter_context(_peak_noted(call))


@contextmanager
def _peak_noted(call: Call) -> Iterator[None]:
    """Note the most memory that tensors on the step's CUDA device take while it runs."""
    device = call.ctx.device
    torch.cuda.reset_peak_memory_stats(device)
    yield
    call.peak_bytes = torch.cuda.max_memory_allocated(device)


def _names_torch(step: Step[..., Any]) -> bool:
    """Whether the step's module or code names torch, so that it is going to import it."""
    code = step.function.__code__
    return "torch" in step.function.__globals__ or "torch" in code.co_names


def _changed(
    call: Call, must: Callable[[torch.Tensor], bool], change: Callable[[torch.Tensor], torch.Tensor]
) -> dict[str, int]:
    """Change the tensors among a call's inputs that must; gives their bytes by input name."""
    changed: dict[str, int] = {}

    def through(value: Any, name: str) -> Any:
        if isinstance(value, dict):
            return {key: through(item, name) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(through(item, name) for item in value)
        if isinstance(value, torch.Tensor) and must(value):
            changed[name] = changed.get(name, 0) + value.nbytes
            return change(value)
        return value

    call.inputs = {name: through(value, name) for name, value in call.inputs.items()}
    if call.named is not None:
        call.named = {name: through(value, name) for name, value in call.named.items()}
    return changed


def _input_tensors(call: Call) -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor that a step was given, with the name of its input."""
    for name, value in {**call.inputs, **(call.named or {})}.items():
        for tensor in _tensors(value):
            yield name, tensor


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    """Every tensor in a value that counts the writes to it."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif "torch" in sys.modules and isinstance(value, torch.Tensor) and not value.is_inference():
        yield value


def _say(ctx: Context, changed: dict[str, int], what: str) -> None:
    if changed:
        ctx.log(f"{', '.join(changed)} {what} ({_size_text(sum(changed.values()))})")


def _size_text(count: int) -> str:
    """A number of bytes in the unit that fits: `46.9 KiB`."""
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _may_have_accelerator() -> bool:
    if platform.system() != "Linux":
        return True
    return any(Path(file).exists() for file in _ACCELERATOR_FILES)
