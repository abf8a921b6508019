"""Mistakes in the loop of `autograd`, and round it."""

from __future__ import annotations

from tests.campaigns.mutants.planting import Regression

LOOP = (
    Regression(
        "autograd: the learning rate is applied twice",
        "updates.py",
        "value -= lr * gradient",
        "value -= lr * lr * gradient",
        caught_by="checks/by_hand_descent",
        at="autograd_off",
    ),
    Regression(
        "autograd: gradients are accumulated",
        "gradients.py",
        "return loss.detach(), torch.autograd.grad(loss, list(params.values()))",
        "loss.backward()\n"
        "        return loss.detach(), [value.grad.clone() for value in params.values()]",
        caught_by="checks/by_hand_descent",
        at="autograd_off",
    ),
    Regression(
        "autograd: ascent",
        "updates.py",
        "value -= lr * gradient",
        "value += lr * gradient",
        caught_by="checks/by_hand_descent",
        at="autograd_off",
    ),
    Regression(
        "autograd: the loss is that of the half step",
        "losses.py",
        '"mse": functional.mse_loss',
        '"mse": lambda p, y: functional.mse_loss(p, y) / 2',
        caught_by="checks/by_hand_batches",
        at="autograd_passes",
    ),
    Regression(
        "patience gives the last parameters",
        "validation.py",
        "return params if float(self._loss_of(params)) < self._least else self._best",
        "return params",
        caught_by="checks/by_hand_batches",
        at="chosen_off",
    ),
    Regression(
        "patience waits for twice as long",
        "validation.py",
        "return self._waited >= self._patience",
        "return self._waited >= 2 * self._patience",
        caught_by="checks/by_hand_batches",
        at="waited",
    ),
    Regression(
        "validation measures the training rows",
        "engines/task.py",
        "X, y = self.validated",
        "X, y = self.X, self.y",
        caught_by="checks/by_hand_batches",
        at="first_off",
    ),
    Regression(
        "gd_train gives the first parameters",
        "steps/gd_train.py",
        '        return {"params": trained, "losses": losses}',
        '        return {"params": params, "losses": losses}',
        caught_by="article/57_nn_validation",
        at="metrics.mae",
    ),
    Regression(
        "gd_train takes float16 by accident",
        "steps/gd_train.py",
        '{"params": trained, "losses": losses}',
        '{"params": {k: v.half().float() for k, v in trained.items()}, "losses": losses}',
        caught_by="checks/by_hand_descent",
        at="spectral_off",
    ),
)
