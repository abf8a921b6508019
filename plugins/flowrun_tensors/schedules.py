"""Learning rates from step to step, by torch.optim.lr_scheduler's own schedules."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

from flowrun import OptionError, did_you_mean
from flowrun_tensors.lazy_torch import torch

# Its arguments beside the optimizer; those without a default in torch come first, with a star.
SCHEDULES: dict[str, tuple[str, ...]] = {
    "ConstantLR": ("factor", "total_iters"),
    "CosineAnnealingLR": ("T_max*", "eta_min"),
    "CosineAnnealingWarmRestarts": ("T_0*", "T_mult", "eta_min"),
    "ExponentialLR": ("gamma*",),
    "LinearLR": ("start_factor", "end_factor", "total_iters"),
    "MultiStepLR": ("milestones*", "gamma"),
    "PolynomialLR": ("total_iters", "power"),
    "StepLR": ("step_size*", "gamma"),
}


def check_schedule(schedule: dict[str, Any] | None) -> None:
    """Raise OptionError if a schedule's name or settings are none of torch's."""
    if schedule is None:
        return
    example = "write `schedule: {StepLR: {step_size: 300}}`"
    if len(schedule) != 1:
        raise OptionError("`schedule` names one schedule", option=("schedule",), hint=example)
    ((name, settings),) = schedule.items()
    if name not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise OptionError(
            f"there is no schedule `{name}`; there are: {known}",
            option=("schedule",),
            hint=did_you_mean(name, SCHEDULES) or example,
        )
    if not isinstance(settings, dict):
        found = f"`{name}` takes a mapping of settings"
        raise OptionError(found, option=("schedule", name), hint=example)
    known_settings = [setting.removesuffix("*") for setting in SCHEDULES[name]]
    for setting in settings:
        if setting not in known_settings:
            raise OptionError(
                f"`{name}` has no setting `{setting}`; it has: {', '.join(known_settings)}",
                option=("schedule", name),
                hint=did_you_mean(setting, known_settings),
            )
    for setting in SCHEDULES[name]:
        if setting.endswith("*") and setting[:-1] not in settings:
            raise OptionError(
                f"`{name}` needs `{setting[:-1]}`", option=("schedule", name), hint=example
            )


def learning_rates(
    lr: float, steps: int, schedule: dict[str, Any] | None
) -> Sequence[float] | None:
    """The learning rate of each step, as torch's scheduler sets it; None if it is constant."""
    if schedule is None:
        return None
    ((name, settings),) = schedule.items()
    optimizer = torch.optim.SGD([torch.zeros(1, device="cpu", requires_grad=True)], lr=lr)
    scheduler = getattr(torch.optim.lr_scheduler, name)(optimizer, **settings)
    rates = array("d")  # a quarter of the memory of a list of floats
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates
