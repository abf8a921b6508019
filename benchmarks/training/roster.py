"""Who takes part. Imports nothing that has to be installed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

LINEAR = ("linear-1e3", "linear-1e4", "linear-1e6", "linear-1e7")
NETWORK = ("network-1e3",)
EVERYWHERE = (*LINEAR, *NETWORK)

ARTICLE = "article"
ARTICLE_RELU = "article-relu"
PASS = "moments-pass"
JAX = "jax"
AUTO = "flowrun-auto"
FUSED_TORCH = "flowrun-fused-torch"

# The one place that lists flowrun's engines: the value of `engine`, its cases, whether it walks
# step by step (so that large cases are timed in fewer steps), and what a reader should know.
ENGINES = (
    ("auto", LINEAR, False, ""),
    ("auto", NETWORK, True, ""),
    ("autograd", EVERYWHERE, True, ""),
    ("spectral", LINEAR, False, ""),
    ("moments", LINEAR, False, ""),
    ("fused", EVERYWHERE, True, ""),
    ("fused-torch", NETWORK, True, "as if numba were not installed"),
    ("numba", NETWORK, True, ""),
)


@dataclass(frozen=True)
class Contender:
    """A way to train: a module of `benchmarks.training.contenders`, with an option of its own.

    kind: `article`, `rival`, `flowrun`, or `yardstick` (what is no training, but a measure for
    one). walks: whether its time grows with the steps. compared: whether it has to end where the
    article's loop ends. environment: `rivals` or `flowrun`.
    """

    name: str
    title: str
    module: str
    cases: tuple[str, ...]
    option: str = ""
    kind: str = "rival"
    walks: bool = True
    compared: bool = True
    note: str = ""

    @property
    def environment(self) -> str:
        """The name of its environment."""
        return "flowrun" if self.kind == "flowrun" else "rivals"

    def path_in(self, family: str) -> str:
        """Whose path it has to walk: relu's slope at 0 is 1/2 with torch.maximum, 0 elsewhere."""
        return ARTICLE if family == "linear" or self.name == ARTICLE else ARTICLE_RELU


RIVALS = (
    Contender(ARTICLE, "the article's loop", "article", EVERYWHERE, "maximum", "article"),
    Contender(ARTICLE_RELU, "the same with torch.relu", "article", NETWORK, "relu"),
    Contender("torch-optim", "torch.optim.SGD and torch.nn", "torch_optim", EVERYWHERE),
    Contender("torch-compile", "torch.compile", "torch_compile", EVERYWHERE),
    Contender("numpy", "NumPy, out= buffers", "numpy_buffers", EVERYWHERE),
    Contender(JAX, "JAX, lax.scan", "jax_scan", EVERYWHERE),
    Contender("skorch", "skorch", "skorch_net", EVERYWHERE),
    Contender("lightning", "Lightning, barebones", "lightning_module", EVERYWHERE),
    Contender(
        "sklearn-sgd",
        "scikit-learn, SGDRegressor",
        "scikit_learn",
        LINEAR,
        compared=False,
        note="its own algorithm: one row at a time; not compared",
    ),
    Contender(
        "sklearn-mlp",
        "scikit-learn, MLPRegressor",
        "scikit_learn",
        NETWORK,
        compared=False,
        note="its own algorithm and first parameters; not compared",
    ),
    Contender(
        PASS,
        "one float64 pass for the moments",
        "moments_pass",
        ("linear-1e6",),
        kind="yardstick",
        walks=False,
        compared=False,
        note="no training: what reading the data once costs",
    ),
)
FLOWRUN = tuple(
    Contender(
        f"flowrun-{engine}",
        f"flowrun, {engine}",
        "flowrun_engine",
        cases,
        engine,
        "flowrun",
        walks,
        note=note,
    )
    for engine, cases, walks, note in ENGINES
)
CONTENDERS = (*RIVALS, *FLOWRUN)
NAMES = tuple(dict.fromkeys(contender.name for contender in CONTENDERS))


def taking_part(case: str, only: Collection[str] | None) -> list[Contender]:
    """The contenders of a case; of those asked for, if any, and then the article's loop as well."""
    return [
        contender
        for contender in CONTENDERS
        if case in contender.cases and (only is None or contender.name in (ARTICLE, *only))
    ]


def of_case(name: str, case: str) -> Contender:
    """The contender of that name in a case."""
    return next(one for one in CONTENDERS if one.name == name and case in one.cases)
