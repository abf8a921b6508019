"""The data of a problem as torch has it."""

from __future__ import annotations

import torch

from benchmarks.training.problem import Problem, UnavailableError


def tensors(problem: Problem) -> tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor]]:
    """X, y and the first parameters, on the device; torch keeps to one thread from here on."""
    torch.set_num_threads(1)
    if problem.device == "cuda" and not torch.cuda.is_available():
        raise UnavailableError("this torch sees no CUDA device")
    params = {
        name: torch.from_numpy(array).to(problem.device) for name, array in problem.params.items()
    }
    on_device = (torch.from_numpy(array).to(problem.device) for array in (problem.X, problem.y))
    X, y = on_device
    return X, y, params


def wait(problem: Problem) -> None:
    """Until the device has done what it was asked for."""
    if problem.device == "cuda":
        torch.cuda.synchronize()
