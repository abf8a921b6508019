"""Metrics of predicted classes, as scikit-learn defines them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowrun import FlowrunError
from flowrun_tensors.lazy_torch import functional, torch

_AVERAGED = ("precision", "recall", "f1")
_RANKED = ("roc_auc", "average_precision")
OF_CLASSES = (
    "accuracy", "balanced_accuracy", "cross_entropy", "log_loss", "confusion",
    *(f"{name}{average}" for name in _AVERAGED
      for average in ("", "_macro", "_micro", "_per_class")),
    *_RANKED,
)  # fmt: skip


def class_metric(name: str, y_hat: torch.Tensor, y: torch.Tensor) -> Any:
    """One metric of outputs `(n, k)` float64, a column for each class, against classes `(n,)`.

    `accuracy`: the share of rows whose largest output is that of their class.
    `balanced_accuracy`: the mean of the recalls of the classes that `y` has. `cross_entropy`,
    `log_loss`: of the softmax of the outputs, a mean. `confusion`: counts, a list for each true
    class. `precision`, `recall`, `f1`: of the second of two classes; `_macro`: the mean over
    classes; `_micro`: of all rows together; `_per_class`: a list. A ratio of nothing is 0, and
    means are over the classes that `y` or the predictions have. `roc_auc`, `average_precision`:
    of the probability of the second class, with more than two classes the mean of each against the
    others. Definitions: Fawcett, An introduction to ROC analysis, 2006. Raises FlowrunError if
    classes are not two, or if `y` lacks one, where the metric needs them.
    """
    if name == "accuracy":
        return float((y_hat.argmax(1) == y).double().mean())
    if name in ("cross_entropy", "log_loss"):
        return float(functional.cross_entropy(y_hat, y))
    if name in _RANKED:
        return _ranked(name, y_hat.softmax(1), y)
    counts = confusion_of(y_hat, y)
    if name == "confusion":
        return counts.tolist()
    counts = counts.double()  # quotients of whole numbers would be float32
    if name == "balanced_accuracy":
        present = counts.sum(1) > 0
        return float((counts.diag() / counts.sum(1).clamp(min=1))[present].mean())
    return _averaged(name, counts)


def confusion_of(y_hat: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """How many rows of each true class (row) have each predicted one (column), `(k, k)` int64."""
    classes = y_hat.shape[1]
    pairs = torch.bincount(y * classes + y_hat.argmax(1), minlength=classes**2)
    return pairs.view(classes, classes)


def _averaged(name: str, counts: torch.Tensor) -> Any:
    kind, _, average = name.partition("_")
    right, true, predicted = counts.diag(), counts.sum(1), counts.sum(0)
    below = {"precision": predicted, "recall": true, "f1": (true + predicted) / 2}[kind]
    if average == "micro":
        return float(right.sum() / below.sum())
    each = torch.where(below > 0, right / below.clamp(min=0.5), torch.zeros_like(right))
    if average == "per_class":
        return each.tolist()
    if average == "macro":
        return float(each[(true + predicted) > 0].mean())
    if len(each) != 2:
        raise FlowrunError(
            f"the metric {name} is of two classes, and the model tells {len(each)} apart\n"
            f"write {name}_macro, {name}_micro or {name}_per_class"
        )
    return float(each[1])


def _ranked(name: str, shares: torch.Tensor, y: torch.Tensor) -> float:
    one: Callable[[torch.Tensor, torch.Tensor], float]
    one = _roc_auc if name == "roc_auc" else _average_precision
    classes = [1] if shares.shape[1] == 2 else range(shares.shape[1])
    for place in classes:
        count = int((y == place).sum())
        if count in (0, len(y)):
            raise FlowrunError(
                f"the metric {name} needs rows of class {place} and of others, and {count} of "
                f"{len(y)} are of it\ndivide rows with `stratify`, or leave the metric out"
            )
    found = [one(shares[:, place], y == place) for place in classes]
    return sum(found) / len(found)


def _roc_auc(share: torch.Tensor, is_class: torch.Tensor) -> float:
    """The chance that a row of the class has a larger share than another; equal ones count half.

    From the mean ranks of equal shares, as of Mann and Whitney, 1947.
    """
    _, places, counts = share.unique(return_inverse=True, return_counts=True)
    ends = counts.cumsum(0).double()
    ranks = (ends - (counts.double() - 1) / 2)[places]
    positive = int(is_class.sum())
    negative = len(share) - positive
    above = float(ranks[is_class].sum()) - positive * (positive + 1) / 2
    return above / (positive * negative)


def _average_precision(share: torch.Tensor, is_class: torch.Tensor) -> float:
    """The sum of precisions at each share, each by the recall that it adds."""
    _, places, counts = share.unique(return_inverse=True, return_counts=True)
    hits = torch.zeros(len(counts), dtype=torch.float64).index_add_(0, places, is_class.double())
    hits, counts = hits.flip(0), counts.flip(0)
    precision = hits.cumsum(0) / counts.cumsum(0).double()
    return float((precision * hits).sum() / hits.sum())
