"""Each built-in step's short form is held to the step, over its options, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch

import flowrun
from flowrun_tensors.exporting import export_plan
from flowrun_tensors.exporting.exported import SHORT_FORMS
from flowrun_tensors.steps import STEPS
from tests import sampling
from tests.tensors.exporting.scripts import Python, assert_reads_like_code, hold_to_runs

Options = dict[str, Any]


def pairwise(**choices: list[Any]) -> Iterator[Options]:
    """Choices among which every two values of two options meet at least once."""
    names = list(choices)
    left = {
        ((one, a), (other, b))
        for one, other in combinations(names, 2)
        for a in range(len(choices[one]))
        for b in range(len(choices[other]))
    }
    while left:
        first = min(left)
        chosen = dict(first)
        for name in names:
            if name in chosen:
                continue
            gains = [
                sum(_pair(name, index, other, at, names) in left for other, at in chosen.items())
                for index in range(len(choices[name]))
            ]
            chosen[name] = gains.index(max(gains))
        left -= {_pair(*one, *other, names) for one, other in combinations(chosen.items(), 2)}
        yield {name: choices[name][index] for name, index in chosen.items()}


def _pair(one: str, a: int, other: str, b: int, names: list[str]) -> Any:
    pair = ((one, a), (other, b))
    return pair if names.index(one) < names.index(other) else pair[::-1]


def recipe(*steps: Any, **keys: Any) -> dict[str, Any]:
    return {"recipe": "r", "steps": list(steps), **keys}


TABLES = {"random": {"X_train": {"randn": [37, 3]}, "X_val": {"randn": [11, 3]},
                     "y_train": {"randn": [37, 2]}, "y_val": {"randn": [11, 2]},
                     "c_train": {"randint": [37], "high": 2},
                     "c_val": {"randint": [11, 1], "high": 2}}}  # fmt: skip
SCHEDULES = [
    None,
    {"StepLR": {"step_size": 3, "gamma": 0.5}},
    {"ConstantLR": {"factor": 0.5, "total_iters": 4}},
    {"CosineAnnealingLR": {"T_max": 5}},
    {"CosineAnnealingWarmRestarts": {"T_0": 3, "T_mult": 2}},
    {"ExponentialLR": {"gamma": 0.9}},
    {"LinearLR": {"start_factor": 0.5, "total_iters": 4}},
    {"MultiStepLR": {"milestones": [2, 4], "gamma": 0.5}},
    {"PolynomialLR": {"total_iters": 5, "power": 2.0}},
]
OPTIMIZERS = [
    {}, {"momentum": 0.9}, {"momentum": 0.5, "nesterov": True}, {"weight_decay": 0.0},
    {"weight_decay": 0.1}, {"optimizer": "adam"}, {"optimizer": "adam", "weight_decay": 0.1},
    {"optimizer": "adamw"}, {"optimizer": "adamw", "weight_decay": 0.2}, {"optimizer": "lbfgs"},
    {"optimizer": "nadam"}, {"optimizer": "radam"}, {"optimizer": "adamax"},
    {"optimizer": "adadelta"}, {"optimizer": "adagrad"}, {"optimizer": "rmsprop"},
]  # fmt: skip
NETWORKS = [
    {"layers": [2]}, {"layers": [5, 2]}, {"layers": [4, 3, 2], "activation": "tanh"},
    {"layers": [5, 2], "activation": "maximum", "init": "kaiming"},
    {"layers": [5, 2], "activation": "sigmoid", "init": "xavier", "scale": 0.5},
]  # fmt: skip


TRAININGS: dict[str, list[Any]] = {
    "network": NETWORKS, "loss": ["mse", "mae", "huber", "cross_entropy"], "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES, "batch_size": [None, 7, 37], "tolerance": [0.0, 0.05],
    "validated": [{}, {"validate": True}, {"patience": 2}, {"validate": True, "patience": 3}],
    "dtype": ["float32", "float64", "bfloat16"], "renamed": [False, True],
    "length": [{"steps": 12}, {"epochs": 4}], "clip_norm": [None, 0.1],
}  # fmt: skip


def chosen_trainings() -> list[Options]:
    """Every pair of settings, or as a sample every setting and the pairs that come with it."""
    pairs = list(pairwise(**TRAININGS))
    assert len(pairs) >= 90
    chosen = pairs[:: sampling.examples(1, sample=3)]
    for name, values in TRAININGS.items():
        assert all(value in [one[name] for one in chosen] for value in values), name
    return chosen


def trainings() -> Iterator[dict[str, Any]]:
    for one in chosen_trainings():
        classes = one["loss"] == "cross_entropy"
        in_batches = one["batch_size"] and "epochs" in one["length"]
        tolerance = 0.0 if in_batches else one["tolerance"]  # which has no form in two loops
        options = {"lr": 0.05, **one["length"], "clip_norm": one["clip_norm"],
                   "loss": one["loss"], "tolerance": tolerance,
                   "batch_size": one["batch_size"], "schedule": one["schedule"],
                   **one["optimizer"], **one["validated"]}  # fmt: skip
        targets = {"y_train": "c_train", "y_val": "c_val"} if classes else {}
        if not one["validated"]:
            targets.pop("y_val", None)
        renamed = {"params": "losses", "losses": "params"} if one["renamed"] else {}
        after = {"params": "losses"} if one["renamed"] else {}
        metrics = ["accuracy", "cross_entropy"] if classes else ["rmse", "mae", "r2", "mse"]
        yield recipe(
            TABLES, {"init_params": one["network"], "in": {"y_train": None}},
            {"gd_train": options, "in": targets, "out": renamed},
            {"evaluate": {"metrics": metrics},
             "in": {**after, "y_val": "c_val" if classes else "y_val"}},
            {"predict": {}, "in": {"data": "X_val", "mean": None, "std": None, **after}},
            dtype=one["dtype"],
        )  # fmt: skip


def test_every_built_in_step_has_a_short_form() -> None:
    assert SHORT_FORMS.keys() == {step.name for step in STEPS}


@pytest.mark.campaign
def test_trainings_of_all_options_have_the_bits_of_the_step(
    torch_alone: Python, tmp_path: Path
) -> None:
    recipes = {f"r{number}": one for number, one in enumerate(trainings())}
    hold_to_runs(torch_alone, recipes, tmp_path)
    assert_reads_like_code(tmp_path)


EXPRESSIONS = """a[lower + 1 : n]|a[: -n]|x[x.ndim :]|a[1:2, :-1]|a[:, n - 1 :]|a ** 2|a.T ** 2
a ** -n|(-a) ** 2|-a ** 2|2 ** a[0]|2.5 ** n|a.mean() ** 2|pi ** 2|a ** n ** n|(a ** n) ** n|a[1, 2]
a[None]|a[[1,2]]|~(a > 0)|a[::n+1]|a[n+1::2]|(a > 0) & (a < 1)|((a > 0) == (a < 1)).sum()
a - (a - a)|a / (a * a)|(a @ a.T) @ a|where(a > 0, a, 0 * a)|max(a, 0).values|a.shape|a.shape[0]
a.shape[1:]|a.dtype|a.device|float32|torch.float32|a.to(float64)|torch.exp(a)|exp(-a)
sum(a, dim=[0,1])|a.sum(0, keepdim=True)|-(a + 1)|+n|a.ndim|(a, a)|[a, a]|n // 2|n % 3 + 1|1e-8 * a
inf * a|a[a > 0]|a[..., 0]|a[:, 0][::2]|a.tolist()|a.numel()|equal(a, a)|std(a)|a.sort(1).values[0]
(a + 1)[0]|2 * (a + a) * (a)|a[-(n + 1) :]|e * a|a.T[0] ** 2 ** n|a[n:][: 1]|a[~n :]|1 / a ** 2
a.sum(dtype=float64)|cat([a, a], dim=1)|a.argmax()"""


def computed() -> Iterator[dict[str, Any]]:
    """Expressions one by one, and steps of them whose names cross."""
    given = [{"random": {"a": {"randn": [4, 3]}, "x": {"randn": 3}, "i": {"arange": 4}}},
             {"compute": {"n": "x.ndim", "lower": "n - 1"}, "id": "first"}]  # fmt: skip
    texts = EXPRESSIONS.replace("\n", "|").split("|")
    yield recipe(*given, {"compute": {f"v{index}": text for index, text in enumerate(texts)}})
    yield recipe(
        *given,
        {"compute": {"a": "a += x", "b": "a += 1", "n": "n += 1", "m": "n"}, "id": "in_place"},
        {"compute": {"c": "2 * a", "d": "c + a"}, "out": {"c": "a", "d": "x"}, "id": "crossed"},
        {"compute": {"half": "i / 2", "mean": "half.mean()"}, "dtype": "float64"},
        {"compute": {"print": "a", "torch": "print"}, "id": "words"},
    )  # fmt: skip
    yield recipe(
        {"tensor": {"a": [1, 2, 3], "b": [[True, False]], "c": 2.5, "d": [[1, 2.5]], "e": []}},
        {"tensor": {"dtype": "float64", "f": [1, 2]}, "id": "wide"},
        {"cast": {"a": "float32", "c": "int64"}},
        {"cast": {"a": "bool", "d": "float64"}, "out": {"a": "d", "d": "a"}, "id": "crossed"},
        {"place": {"a": "cpu"}},
        dtype="bfloat16",
    )
    yield recipe(
        {"random": {"a": {"rand": [2, 3]}, "b": {"zeros": 2}, "c": {"ones": [1, 2]},
                    "d": {"randint": [2, 2], "low": -3, "high": 4}, "e": {"randperm": 5},
                    "f": {"arange": [1, 9, 2]}, "g": {"randn": []}}},
        {"random": {"h": {"randint": 3, "high": 9}}, "id": "more", "dtype": "float64"},
    )  # fmt: skip


def differentiated() -> Iterator[dict[str, Any]]:
    given = {"random": {"x": {"randn": 3}, "y": {"randn": [2, 2]}, "k": {"arange": 3}}}
    texts = [
        "(x ** 2).sum()",
        "(x[0] * y).sum() + x[1] ** 3",
        "x.sum()[None] * 2",
        "x.shape[0] * y.sum()",
        "(x > 0).to(float32).sum() + y.mean()",
        "max(x, 0).values",
        "x[0] ** 2 + (x[1] - 4) ** 2",
    ]
    for text in texts:
        by = ["x", "y"] if "y" in text else ["x"]
        yield recipe(given, {"grad": {"of": text, "by": by}})
    yield recipe(given, {"grad": {"of": "x.sum()", "by": ["x", "y"]}, "out": {"f": "x"}})
    for one in pairwise(
        of=["(x ** 2).sum()", "((x - 1) ** 2).mean()[None]", "(x * z).sum() ** 2"],
        tolerance=[0.0, 0.01], accumulate=[False, True], crossed=[{}, {"trace": "z"}, {"x": "z"}],
    ):  # fmt: skip
        options = {"of": one["of"], "tolerance": one["tolerance"], "accumulate": one["accumulate"]}
        yield recipe(
            {"random": {"start": {"randn": 3}, "z": {"randn": 3}}},
            {"minimize": {**options, "by": "x", "lr": 0.05, "steps": 9},
             "in": {"x": "start"}, "out": one["crossed"]},
        )  # fmt: skip


def tabled() -> Iterator[dict[str, Any]]:
    for rows, width, dtype in ((9, 4, "float32"), (9, 4, "float64"), (30_000, 4, "float32")):
        yield recipe(
            {"random": {"data": {"randn": [rows, width]}}}, "shuffle",
            {"split": {"train": 0.7, "targets": 2}}, "normalize", dtype=dtype,
        )  # fmt: skip
    yield recipe(  # of which no shape is known
        {"random": {"table": {"randn": [20_000, 5]}}},
        {"compute": {"data": "cat([table, 0 * table[:, :1] + 3], dim=1) + 1000"}},
        {"split": {"train": 19_000}}, "normalize",
    )  # fmt: skip
    yield recipe(
        {"random": {"data": {"randn": [9, 4]}}},
        {"split": {"train": 6}, "out": {"X_train": "a", "X_val": "b"}},
        {"normalize": {}, "in": {"X_train": "a", "X_val": "b"},
         "out": {"X_train": "b", "X_val": "mean", "mean": "a", "std": "X_val"}},
    )  # fmt: skip


@pytest.mark.parametrize("recipes", [computed, differentiated, tabled])
def test_steps_have_the_bits_of_their_short_forms(
    recipes: Any, torch_alone: Python, tmp_path: Path
) -> None:
    hold_to_runs(torch_alone, {f"r{at}": one for at, one in enumerate(recipes())}, tmp_path)
    assert_reads_like_code(tmp_path)


def test_numpy_has_the_bits_of_its_short_form(with_numpy: Python, tmp_path: Path) -> None:
    given = {"random": {"a": {"randn": [4, 3]}, "i": {"arange": 4}}}
    number = {"compute": {"n": "i.shape[0]"}}
    hold_to_runs(with_numpy, {
        "one": recipe(given, number, {"numpy": {
            "size": "a.shape", "b": "a - a.mean()", "c": "b.std() * n", "d": "n * 2", "e": "a += 1",
            "f": "e.T", "g": "exp(a) ** 2", "h": "a[a > 0]", "j": "equal(a, a)",
            "k": "pi * a[0, 0]",            "m": "i / 2", "o": "a.ndim", "p": "a.tolist()"}}),
        "crossed": recipe(given, {"numpy": {"b": "a * 2", "c": "a + i[0]"},
                                  "out": {"b": "i", "c": "a"}}),
    }, tmp_path)  # fmt: skip
    assert_reads_like_code(tmp_path)


def loaded() -> Iterator[dict[str, Any]]:
    Path("semicolons.csv").write_text('"a ";"b, c";d\n1;2;3\n\n4.5;5e-3;6\n', encoding="utf-8-sig")
    Path("plain.csv").write_text("1,2\n3,4\n5,6\n")
    Path("remarks.csv").write_text("# by a machine\n\n# more\nx,y\n1,2\n3,4\n")
    Path("saved.txt").write_text("# x y\n1.5e+00 2\n3 4\n")
    Path("unnamed.txt").write_text("# by a machine\n1 2\n3 4\n")
    Path("tabs.tsv").write_text("a\tb\n0.1\t0.2\n0.3\t0.4\n")
    Path("names.csv").write_text("x,target,y,z\n1,2,3,4\n5,6,7,8\n9,1,2,3\n")
    torch.save(torch.randn(3, 2), "lone.pt")
    torch.save({"a": torch.randn(2), "b": [1, 2.5]}, "dict.pt")
    torch.save({"data": torch.randn(2)}, "data.pt")
    torch.save({"only": torch.randn(2)}, "only.pt")
    for name in (
        "semicolons.csv", "plain.csv", "remarks.csv", "saved.txt", "unnamed.txt", "tabs.tsv",
        "lone.pt", "only.pt", "data.pt",
    ):  # fmt: skip
        for dtype in ("float32", "float64"):
            yield recipe({"load": {"source": name}}, {"compute": {"b": "data * 2"}}, dtype=dtype)
    for name in ("plain.csv", "saved.txt"):
        yield recipe({"load": {"source": name, "header": True}})
    yield recipe({"load": {"source": "semicolons.csv", "delimiter": ";", "header": True}})
    yield recipe({"load": {"source": "plain.csv", "values": ["wines"]}})
    yield recipe({"load": {"source": "lone.pt", "values": ["wines"]}})
    yield recipe({"load": {"source": "dict.pt", "values": ["b", "a"]}})
    yield recipe({"load": {"source": "dict.pt", "values": ["a", "columns"]}})
    for targets in ("target", ["z"], ["x"], ["y", "z"], ["z", "x"], ["z", "y"], 2):
        yield recipe({"load": {"source": "names.csv"}}, {"split": {"train": 2, "targets": targets}})
    yield recipe(
        {"load": {"source": "names.csv"}}, {"compute": {"data": "data * 2"}},
        {"split": {"train": 2, "targets": ["y"]}},
    )  # fmt: skip
    yield recipe(
        {"load": {"source": "names.csv"}, "out": {"data": "torch"}},
        {"load": {"source": "plain.csv"}, "out": {"data": "rows", "columns": "file"}, "id": "two"},
    )


def test_files_are_loaded_with_the_bits_of_the_step(torch_alone: Python, tmp_path: Path) -> None:
    recipes = {f"r{at}": one for at, one in enumerate(loaded())}
    hold_to_runs(torch_alone, recipes, tmp_path / "scripts")
    assert_reads_like_code(tmp_path / "scripts")


def test_what_is_saved_is_loaded_again(with_numpy: Python, tmp_path: Path) -> None:
    values = {"random": {"a": {"randn": [4, 3]}, "b": {"arange": 3}}}
    turned = {"compute": {"a": "a.T", "n": "b.shape[0]"}}
    recipes = {}
    places = "x.pt a|x.pt a b|x.npy a|x.npz a|x.npz a b|x.safetensors a|x.safetensors a b"
    for place in f"{places}|d/y.safetensors a|d/folder a n|folder b|X.PT b".split("|"):
        to, *names = place.split()
        out = {name: f"{name}_read" for name in names}
        recipes[f"r{len(recipes)}"] = recipe(
            values, turned, {"save": {"to": to, "values": names}},
            {"load": {"source": to, "values": names}, "out": out},
        )  # fmt: skip
    recipes["network"] = recipe(
        TABLES, {"init_params": {"layers": [4, 2], "activation": "tanh"}}, {"save": {"to": "net"}},
        {"load": {"source": "net", "values": ["params", "model"]}},
        {"predict": {}, "in": {"data": "X_val"}}, {"gd_train": {"steps": 3}},
    )  # fmt: skip
    hold_to_runs(with_numpy, recipes, tmp_path / "scripts")
    assert_reads_like_code(tmp_path / "scripts")


def test_a_step_with_a_dtype_of_its_own_has_its_inputs_cast(
    torch_alone: Python, tmp_path: Path
) -> None:
    hold_to_runs(torch_alone, {
        "one": recipe(
            TABLES, {"init_params": {"layers": [2]}, "dtype": "float64"},
            {"gd_train": {"steps": 3}, "dtype": "float64"},
            {"evaluate": {}, "dtype": "float64"}, {"random": {"z": {"randn": 2}}},
        ),
        "two": recipe(TABLES, {"init_params": {"layers": [2]}, "device": "cpu"},
                      {"gd_train": {"steps": 3, "batch_size": 5}, "device": "cpu"}),
    }, tmp_path)  # fmt: skip
    assert_reads_like_code(tmp_path)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([{"load": {"source": "none.pt"}}], "there is no file none.pt"),
        ([{"load": {"source": "x.unknown"}}], "no format for files named *.unknown"),
        (
            [{"tensor": {"a": 1}}, {"save": {"to": "x.csv", "values": ["a"]}}],
            "only read, not written",
        ),
        ([{"tensor": {"a": 1}}, {"save": {"to": "x"}}], "nothing to save here"),
        ([{"load": {"source": "t.csv"}}, {"split": {"train": 1, "targets": "c"}}], "no column `c`"),
        ([{"load": {"source": "t.csv", "values": ["a", "b"]}}], "holds no `a`"),
        ([{"load": {"source": "only.pt", "values": ["other"]}}], "holds no `other`"),
        ([{"load": {"source": "s/folder", "values": ["a"]}}], "values.json cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_step_that_no_script_can_have_is_refused_at_its_line(
    steps: list[Any], message: str
) -> None:
    Path("t.csv").write_text("a,b\n1,2\n3,4\n")
    Path("x.unknown").write_text("")
    torch.save({"only": torch.zeros(2)}, "only.pt")
    Path("s/folder").mkdir(parents=True)
    Path("s/folder/values.json").write_text('{"tensors": 1, "values": []}')
    with pytest.raises(flowrun.FlowrunError) as caught:
        export_plan(flowrun.plan(recipe(*steps)))
    assert "cannot be exported" in str(caught.value)
    assert message in str(caught.value)
    assert str(caught.value).startswith("<mapping>:")
