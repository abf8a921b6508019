"""Modules of torch.nn: moved and cast on shapes, and given back what they held before the check."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from torch._subclasses.fake_tensor import FakeTensor

from flowrun_tensors.checking.replacing import Replacements
from flowrun_tensors.lazy import torch


class RealModules:
    """Modules that were made before the check, with their parameters, buffers and gradients.

    The code of a step may hold a model that its file made when it was imported: what a check did to
    it must not be there in a run.
    """

    def __init__(self) -> None:
        self._seen: dict[int, torch.nn.Module] = {}
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

    def put_back(self) -> None:
        """Give every module what it held."""
        for held, before, gradients in self._held:
            held.clear()
            held.update(before)
            for name, gradient in gradients.items():
                before[name].grad = gradient


def modules_on_shapes(stack: ExitStack, replacements: Replacements) -> None:
    """Let modules be moved and cast while their tensors are fake, and real ones be put back."""
    real = RealModules()
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

    replacements.replace(torch.nn.Module, "_apply", convert)
    hook = torch.nn.modules.module.register_module_forward_pre_hook(kept)
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
