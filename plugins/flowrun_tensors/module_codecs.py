"""How torch's modules, optimizers and small types are summarised, digested and stored.

A module is kept as the name of its class and its attributes, of which parameters, buffers and
submodules are some: shared weights stay shared. Nothing is pickled, and no class is called.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from flowrun import Codec, Summary
from flowrun_tensors.codecs import tensor_bytes
from flowrun_tensors.lazy_torch import torch

_HOOKS = re.compile(r"_\w*hooks")  # the attributes in which torch keeps them


def module_attributes(module: torch.nn.Module) -> dict[str, Any]:
    """All attributes of a module; raises ValueError for one that has hooks."""
    _require_no_hooks(module)
    return dict(vars(module))


def optimizer_attributes(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """All attributes of an optimizer; raises ValueError for one that has hooks."""
    _require_no_hooks(optimizer)
    return dict(vars(optimizer))


def optimized_parameters(optimizer: torch.optim.Optimizer) -> list[Any]:
    """The parameters that an optimizer changes, which are those of a module."""
    return [one for group in optimizer.param_groups for one in group["params"]]


def _require_no_hooks(value: Any) -> None:
    found = [name for name, one in vars(value).items() if _HOOKS.fullmatch(name) and one]
    if found:
        raise ValueError(f"it has hooks (`{found[0]}`): remove them, or return its state_dict()")


def module_plain(module: torch.nn.Module) -> dict[str, Any]:
    """Parameters and buffers by their names, those of a submodule in a dict of its own."""
    found = dict(_tensors(module))
    children = vars(module).get("_modules", {})
    return found | {
        name: module_plain(child) for name, child in children.items() if child is not None
    }


def _tensors(module: torch.nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for kind in ("_parameters", "_buffers"):
        for name, tensor in vars(module).get(kind, {}).items():
            if tensor is not None:
                yield name, tensor


def module_summary(module: torch.nn.Module) -> Summary:
    """The class of a module, and the bytes of its parameters and buffers, each counted once."""
    waiting, met = [module], dict[int, int]()
    while waiting:
        one = waiting.pop()
        met |= {id(tensor): tensor_bytes(tensor) or 0 for _, tensor in _tensors(one)}
        waiting += [child for child in vars(one).get("_modules", {}).values() if child is not None]
    return Summary(_name(module), bytes=sum(met.values()))


def _name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def optimizer_summary(optimizer: torch.optim.Optimizer) -> Summary:
    """The class of an optimizer."""
    return Summary(_name(optimizer))


def optimizer_plain(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """The optimizer's state as `state_dict()` gives it, its keys as texts."""
    found = optimizer.state_dict()
    state = {str(key): item for key, item in found["state"].items()}
    return {"state": state, "param_groups": found["param_groups"]}


def _text_summary(kind: str) -> Callable[[Any], Summary]:
    return lambda value: Summary(kind, (), str(value).removeprefix("torch."))


def _named_in_torch(kind: str) -> Callable[[str], Any]:
    """Gives torch's constant of a name; raises ValueError for anything else in torch."""

    def found(name: str) -> Any:
        constant = getattr(torch, name.removeprefix("torch."), None)
        if type(constant).__name__ != kind:
            raise ValueError(f"torch has no {kind} `{name:.60}`")
        return constant

    return found


def _generator_parts(generator: torch.Generator) -> list[Any]:
    return [str(generator.device), generator.get_state()]


def _generator(parts: list[Any]) -> torch.Generator:
    device, state = parts
    generator = torch.Generator(device)
    generator.set_state(state)
    return generator


MODULE_CODECS = (
    Codec(
        "torch.nn.modules.module.Module",
        module_summary,
        module_plain,
        attributes=module_attributes,
        mutable=True,
    ),
    Codec(
        "torch.optim.optimizer.Optimizer",
        optimizer_summary,
        optimizer_plain,
        attributes=optimizer_attributes,
        belongs=optimized_parameters,
        mutable=True,
    ),
    *(
        Codec(
            f"torch.{kind}",
            _text_summary(kind),
            str,
            pack=str,
            unpack=_named_in_torch(kind),
        )
        for kind in ("dtype", "layout", "memory_format")
    ),
    Codec(
        "torch.device",
        _text_summary("device"),
        str,
        pack=str,
        unpack=lambda text: torch.device(text),
    ),
    Codec(
        "torch.Size",
        lambda size: Summary("size", (len(size),)),
        list,
        begin=lambda size, count: list(size[:count]),
        pack=list,
        unpack=lambda sizes: torch.Size(sizes),
    ),
    Codec(
        "torch._C.Generator",
        lambda generator: Summary("generator", device=str(generator.device)),
        lambda generator: generator.get_state().tolist(),
        pack=_generator_parts,
        unpack=_generator,
        mutable=True,
    ),
)
