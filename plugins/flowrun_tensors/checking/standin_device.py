"""Registers a backend with torch that stands for every device this machine does not have.

No tensor may be made on a real device that is absent: a build of torch without it can end the
process. Torch allows one more backend ("PrivateUse1"), registered once per process. This one has no
memory and no kernels, which fake tensors do not need. Each absent device is an index of it.

All uses of torch's private functions to register a backend are in this file: the hooks
class of `torch._C._acc` and `_setup_privateuseone_for_python_backend`. Tested with torch 2.13;
`make oldest` tests the oldest torch that setup.cfg allows, before which neither existed.
"""

from __future__ import annotations

import threading

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import torch

BACKEND = "standin"
_MOST_DEVICES = 128  # torch keeps the index of a device in an int8

_names: list[str] = []  # of the absent devices, by their index
_is_registered = False


def index_of(name: str) -> int:
    """The index that stands for a device by its full name: `cuda:0`.

    Raises FlowrunError if another library has registered a backend already.
    """
    _register()
    if name not in _names:
        if len(_names) == _MOST_DEVICES:
            raise FlowrunError(f"more than {_MOST_DEVICES} devices are named, the last is `{name}`")
        _names.append(name)
    return _names.index(name)


def name_of(index: int) -> str | None:
    """The full name of the device that an index stands for; None if it stands for none."""
    return _names[index] if 0 <= index < len(_names) else None


def _register() -> None:
    global _is_registered
    if _is_registered:
        return
    from torch.utils import backend_registration

    class Hook(torch._C._acc.PrivateUse1Hooks):
        """The answers to torch's questions about a backend: no tensor can be moved to this one."""

        def is_available(self) -> bool:
            return False

        def has_primary_context(self, device_id: int) -> bool:
            return False

        def is_built(self) -> bool:
            return True

    # Autograd starts a thread for each backend at its first backward pass in the process. One for
    # this backend would break every later fork that differentiates, so a pass is made before it is
    # registered. It is made in a new thread because a check's modes, which are local to a thread,
    # are off there.
    thread = threading.Thread(target=_first_backward_pass)
    thread.start()
    thread.join()
    try:
        backend_registration._setup_privateuseone_for_python_backend(
            BACKEND, backend_module=_Module(), hook=Hook()
        )
    except RuntimeError as error:
        raise FlowrunError(
            "a check for a device that this machine lacks needs torch's place for one more "
            f"backend, but another library has taken it: {error}"
        ) from error
    _is_registered = True


def _first_backward_pass() -> None:
    torch.ones((), device="cpu", requires_grad=True).backward()


class _Module:
    """The module `torch.standin`, which torch asks whether anything runs on the backend."""

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
