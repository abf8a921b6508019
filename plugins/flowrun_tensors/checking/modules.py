"""Modules of torch.nn, moved and cast on shapes; what was made before is given back as it was."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from torch._subclasses.fake_tensor import FakeTensor
from torch.optim.optimizer import register_optimizer_step_pre_hook

from flowrun_tensors.checking.replacing import Replacements
from flowrun_tensors.lazy_torch import torch


class MadeBefore:
    """Modules and optimizers that were made before the check, with all that they hold.

    The code of a step may hold a model that its file made when it was imported: what a check did to
    it must not be there in a run.
    """

    def __init__(self) -> None:
        self._seen: dict[int, Any] = {}
        self._states: list[tuple[Any, dict[Any, Any], list[dict[str, Any]]]] = []
        self._held: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = []

    def keep(self, module: torch.nn.Module) -> None:
        """Have a module put back later."""
        if id(module) in self._seen:
            return
        self._seen[id(module)] = module  # which keeps its id its own
        for held in (module._parameters, module._buffers):
            tensors = {name: tensor for name, tensor in held.items() if tensor is not None}
            if tensors and not any(isinstance(one, FakeTensor) for one in tensors.values()):
                gradients = {name: tensor.grad for name, tensor in tensors.items()}
                self._held.append((held, dict(held), gradients))

    def keep_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Have an optimizer of real parameters put back later."""
        if id(optimizer) in self._seen:
            return
        self._seen[id(optimizer)] = optimizer
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        if not any(isinstance(one, FakeTensor) for one in parameters):
            state = {one: dict(values) for one, values in optimizer.state.items()}
            groups = [dict(group) for group in optimizer.param_groups]
            self._states.append((optimizer, state, groups))

    def put_back(self) -> None:
        """Give each what it held."""
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


def modules_on_shapes(stack: ExitStack, replacements: Replacements) -> None:
    """Let modules be moved and cast while their tensors are fake, and real ones be put back."""
    real = MadeBefore()
    stack.callback(real.put_back)

    def convert(
        self: torch.nn.Module, change: Callable[[Any], Any], recurse: bool = True
    ) -> torch.nn.Module:
        moved: dict[int, torch.nn.Parameter] = {}
        for module in self.modules() if recurse else [self]:
            real.keep(module)
            _converted(module, change, moved)
        return self

    def kept(module: torch.nn.Module, args: Any) -> None:
        real.keep(module)

    def kept_optimizer(optimizer: torch.optim.Optimizer, args: Any, keywords: Any) -> None:
        real.keep_optimizer(optimizer)

    def flattened(module: torch.nn.RNNBase) -> None:
        """Where the weights lie in memory is of no matter on shapes, and needs their addresses."""

    replacements.replace(torch.nn.Module, "_apply", convert)
    replacements.replace(torch.nn.RNNBase, "flatten_parameters", flattened)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(kept)
    stack.callback(hook.remove)
    hook = register_optimizer_step_pre_hook(kept_optimizer)
    stack.callback(hook.remove)


def _converted(
    module: torch.nn.Module, change: Callable[[Any], Any], moved: dict[int, Any]
) -> None:
    """As nn.Module._apply, with new parameters: fake ones cannot take another's place.

    moved: the new parameters by the id of the old, so that what modules share they share again.
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
            made = torch.nn.Parameter(changed, parameter.requires_grad)
            if parameter.grad is not None:
                with torch.no_grad():
                    made.grad = change(parameter.grad)
            moved[id(parameter)] = made
        module._parameters[name] = moved[id(parameter)]
    for name, buffer in module._buffers.items():
        if buffer is not None:
            module._buffers[name] = change(buffer)
