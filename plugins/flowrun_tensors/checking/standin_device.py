"""A backend of torch's own making that stands for every device this machine does not have.

No tensor may be made on a real device that is absent: in a build of torch without it, the process
ends in places. Under torch's name for backends of others, one backend is registered for the whole
process, which has no memory and no kernels; fake tensors need neither. Each absent device is an
index of it.
"""

from __future__ import annotations

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch

BACKEND = "standin"
_MOST_DEVICES = 128  # an index of a device is an int8

_names: list[str] = []  # of the absent devices, by their index
_is_registered = False


def index_of(name: str) -> int:
    """The index that stands for a device by its full name: `cuda:0`.

    Raises FlowrunError where there is none: a backend of another library is registered already.
    """
    _register()
    if name not in _names:
        if len(_names) == _MOST_DEVICES:
            raise FlowrunError(f"more than {_MOST_DEVICES} devices are named, `{name}` the last")
        _names.append(name)
    return _names.index(name)


def name_of(index: int) -> str | None:
    """The full name of the device that an index stands for; None where it stands for none."""
    return _names[index] if 0 <= index < len(_names) else None


def _register() -> None:
    global _is_registered
    if _is_registered:
        return
    from torch.utils import backend_registration

    class Hook(torch._C._acc.PrivateUse1Hooks):
        """What torch asks of a backend: this one is none that tensors could be moved to."""

        def is_available(self) -> bool:
            return False

        def has_primary_context(self, device_id: int) -> bool:
            return False

        def is_built(self) -> bool:
            return True

    _begin_autograd()
    try:
        backend_registration._setup_privateuseone_for_python_backend(
            BACKEND, backend_module=_Module(), hook=Hook()
        )
    except RuntimeError as error:
        raise FlowrunError(
            "a check for a device that is not in this machine needs torch's place for a further "
            f"backend, and that is taken: {error}"
        ) from error
    _is_registered = True


def _begin_autograd() -> None:
    """Have autograd start the threads of its devices, which it does once, without one for this.

    A process with such a thread must not fork and differentiate.
    """
    from torch._subclasses.fake_tensor import unset_fake_temporarily

    with unset_fake_temporarily(), torch._C.DisableTorchFunction(), torch.enable_grad():
        torch.ones((), device="cpu", requires_grad=True).backward()


class _Module:
    """`torch.standin`: what torch asks the module of a backend, whether anything runs on it."""

    def is_initialized(self) -> bool:
        return True

    def is_available(self) -> bool:
        return False

    def current_device(self) -> int:
        return 0

    def device_count(self) -> int:
        return 0

    def manual_seed_all(self, seed: int) -> None:
        """Nothing is drawn."""

    def _is_in_bad_fork(self) -> bool:
        return False
