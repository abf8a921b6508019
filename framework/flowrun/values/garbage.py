"""Pauses in which no garbage is looked for, because nearly all that is made stays.

This module is imported before any other, so it imports next to nothing.
"""

from __future__ import annotations

import gc
import os

_is_paused = False


def pause() -> bool:
    """Look for no garbage until `resume`; returns False if nothing was looked for already."""
    global _is_paused
    if not gc.isenabled():
        return False
    _is_paused = True
    gc.disable()
    return True


def resume() -> None:
    """Look for garbage again after `pause`."""
    global _is_paused
    if _is_paused:
        _is_paused = False
        gc.enable()


if hasattr(os, "register_at_fork"):  # else nothing forks
    os.register_at_fork(after_in_child=resume)  # a child forked by an import goes on without us
