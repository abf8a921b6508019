"""Replaces attributes of torch and of Unknown while steps run on shapes, and restores them.

These are patches of calls that no mode of torch sees: functions that torch's dispatcher does not
have, and modules and optimizers, which torch changes in place.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from torch.nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy
from torch.optim.optimizer import register_optimizer_step_pre_hook

from flowrun import NeedsDataError, Unknown
from flowrun_tensors.checking.buffers import from_file, load_with, save
from flowrun_tensors.checking.compiled import compiled, scripted_with, traced
from flowrun_tensors.checking.data_access import tolist
from flowrun_tensors.checking.device_args import DeviceNames
from flowrun_tensors.checking.fake_tensors import FakeTensor, ShapesMode
from flowrun_tensors.checking.lazy_modules import new_buffer, new_parameter, still_lazy
from flowrun_tensors.lazy_torch import torch

_MISSING = object()


class Replacements:
    """Attributes of modules and classes that have temporary values."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, str, Any, Any]] = []

    def replace(self, owner: Any, name: str, value: Any) -> None:
        """Give an attribute a temporary value."""
        self._made.append((owner, name, vars(owner).get(name, _MISSING), value))
        setattr(owner, name, value)

    def restore(self) -> None:
        """Give every attribute its original value, the last first."""
        for owner, name, before, _ in reversed(self._made):
            _set(owner, name, before)
        self._made.clear()

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Inside, all attributes have their original values."""
        for owner, name, before, _ in reversed(self._made):
            _set(owner, name, before)
        try:
            yield
        finally:
            for owner, name, _, value in self._made:
                setattr(owner, name, value)


def _set(owner: Any, name: str, value: Any) -> None:
    if value is _MISSING:
        delattr(owner, name)
    else:
        setattr(owner, name, value)


def patch_data_access(replacements: Replacements) -> None:
    """Replace functions that read or write data, and that torch's dispatcher does not have."""

    def unknown_array(number: Unknown, *arguments: Any, **keywords: Any) -> NoReturn:
        raise NeedsDataError("it makes an array of a value known only when the recipe runs")

    module = sys.modules["torch"]
    replacements.replace(module, "save", save)
    replacements.replace(module, "load", load_with(module.load))
    replacements.replace(module, "from_file", from_file)
    replacements.replace(module, "compile", compiled)
    replacements.replace(torch.jit, "trace", traced)
    replacements.replace(torch.jit, "script", scripted_with(torch.jit.script))
    replacements.replace(FakeTensor, "tolist", tolist)
    replacements.replace(FakeTensor, "__copy__", _copy)
    # Distributions validate their arguments by value.
    replacements.replace(torch.distributions.Distribution, "_validate_args", False)
    replacements.replace(torch.utils.data.RandomSampler, "__iter__", _in_order)
    replacements.replace(torch.utils.data.DataLoader, "_get_iterator", _in_this_process)
    if hasattr(torch.utils.data.dataset, "randperm"):  # of random_split alone
        replacements.replace(torch.utils.data.dataset, "randperm", _Positions)
    replacements.replace(Unknown, "__array__", unknown_array)
    replacements.replace(Unknown, "__torch_function__", classmethod(_of_unknown))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow"):
        operator = getattr(Unknown, f"__{name}__")
        replacements.replace(Unknown, f"__{name}__", _unless_tensor(operator))


def _copy(tensor: FakeTensor) -> torch.Tensor:
    """The result of copy.copy: another tensor on the same storage."""
    return tensor.detach().requires_grad_(tensor.requires_grad)


def _in_order(sampler: Any) -> Iterator[int]:
    """Positions in order: batches have the same shapes in any order."""
    rows = len(sampler.data_source)
    return iter([position % rows for position in range(sampler.num_samples)])


def _in_this_process(loader: Any) -> Any:
    """The iterator of a DataLoader without workers: batches are the same."""
    before = loader.num_workers, loader.timeout
    loader.num_workers, loader.timeout = 0, 0
    try:
        return torch.utils.data.dataloader._SingleProcessDataLoaderIter(loader)
    finally:
        loader.num_workers, loader.timeout = before


class _Positions:
    """Replaces torch.randperm for random_split, in order: shapes do not depend on the order."""

    def __init__(self, rows: int, generator: Any = None) -> None:
        self._rows = rows

    def tolist(self) -> list[int]:
        return list(range(self._rows))


def _of_unknown(kind: type, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Make torch accept an unknown number as an operand, so that the check's own mode sees it."""
    return NotImplemented


def _unless_tensor(method: Any) -> Any:
    """An operator of Unknown that lets a tensor operand compute the result."""

    def operator(self: Unknown, other: object) -> Any:
        return NotImplemented if isinstance(other, torch.Tensor) else method(self, other)

    return operator


def patch_device(replacements: Replacements, names: DeviceNames) -> None:
    """Make tensors return their device by its real name, except to torch's own code."""
    raw = FakeTensor.device

    def device(tensor: FakeTensor) -> torch.device:
        mode = tensor.fake_mode
        found: torch.device = raw.__get__(tensor)
        if isinstance(mode, ShapesMode) and not mode.depth:
            return names.shown(found)
        return found

    replacements.replace(FakeTensor, "device", property(device, raw.fset))


class _MadeBefore:
    """Modules and optimizers that were made before the check, and their original contents.

    A step's file may make a model when it is imported, and a check must not change that model.
    """

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}
        self._states: list[tuple[Any, dict[Any, Any], list[dict[str, Any]]]] = []
        self._held: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = []

    def keep(self, module: torch.nn.Module) -> None:
        """Remember the tensors of a module, if they are real.

        Raises NeedsDataError if it is a lazy module, which the check would change permanently.
        """
        if id(module) in self._seen:
            return
        self._seen[id(module)] = module  # a reference, so that no other object gets its id
        for held in (module._parameters, module._buffers):
            tensors = {name: tensor for name, tensor in held.items() if tensor is not None}
            if tensors and not any(isinstance(one, FakeTensor) for one in tensors.values()):
                if any(is_lazy(one) for one in tensors.values()):  # its class changes permanently
                    raise NeedsDataError("it calls a lazy module that was made on import")
                gradients = {name: tensor.grad for name, tensor in tensors.items()}
                self._held.append((held, dict(held), gradients))

    def keep_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Remember the state of an optimizer, if its parameters are real."""
        if id(optimizer) in self._seen:
            return
        self._seen[id(optimizer)] = optimizer
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        if not any(isinstance(one, FakeTensor) for one in parameters):
            state = {one: dict(values) for one, values in optimizer.state.items()}
            groups = [dict(group) for group in optimizer.param_groups]
            self._states.append((optimizer, state, groups))

    def restore(self) -> None:
        """Restore the original contents."""
        for optimizer, state, groups in self._states:
            optimizer.state.clear()
            optimizer.state.update(state)
            for group, before in zip(optimizer.param_groups, groups, strict=False):
                group.update(before)
        for held, before, gradients in self._held:
            held.clear()
            held.update(before)
            for name, gradient in gradients.items():
                before[name].grad = gradient


def patch_modules(stack: ExitStack, replacements: Replacements) -> None:
    """Make modules movable and castable while their tensors are fake; restore the real ones."""
    real = _MadeBefore()
    stack.callback(real.restore)

    def convert(
        self: torch.nn.Module, change: Callable[[Any], Any], recurse: bool = True
    ) -> torch.nn.Module:
        moved: dict[int, torch.nn.Parameter] = {}
        for module in self.modules() if recurse else [self]:
            real.keep(module)
            _convert(module, change, moved)
        return self

    def flatten_parameters(module: torch.nn.RNNBase) -> None:
        """Do nothing: torch's own needs the addresses of the weights, which shapes do not have."""

    replacements.replace(UninitializedParameter, "__new__", staticmethod(new_parameter))
    replacements.replace(UninitializedBuffer, "__new__", staticmethod(new_buffer))
    replacements.replace(torch.nn.Module, "_apply", convert)
    replacements.replace(torch.nn.RNNBase, "flatten_parameters", flatten_parameters)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, args: real.keep(module)
    )
    stack.callback(hook.remove)
    hook = register_optimizer_step_pre_hook(
        lambda optimizer, args, keywords: real.keep_optimizer(optimizer)
    )
    stack.callback(hook.remove)


def _convert(module: torch.nn.Module, change: Callable[[Any], Any], moved: dict[int, Any]) -> None:
    """Do the same as nn.Module._apply with new parameters: a fake one cannot replace real data.

    moved: the new parameters by the id of the old ones, so that modules still share them.
    """
    for name, parameter in module._parameters.items():
        if parameter is None:
            continue
        if id(parameter) not in moved:
            with torch.no_grad():
                changed = change(parameter)
            if changed is parameter:
                moved[id(parameter)] = parameter
                continue
            if is_lazy(parameter):
                moved[id(parameter)] = still_lazy(parameter, changed)
                module._parameters[name] = moved[id(parameter)]
                continue
            made = torch.nn.Parameter(changed, parameter.requires_grad)
            if parameter.grad is not None:
                with torch.no_grad():
                    made.grad = change(parameter.grad)
            moved[id(parameter)] = made
        module._parameters[name] = moved[id(parameter)]
    for name, buffer in module._buffers.items():
        if buffer is not None:
            changed = change(buffer)
            is_other = is_lazy(buffer) and changed is not buffer
            module._buffers[name] = still_lazy(buffer, changed) if is_other else changed
