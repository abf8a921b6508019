"""The expression language: the same as torch where it speaks, and silent to everything else."""

from __future__ import annotations

import math
import time
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flowrun_tensors.expressions import ExpressionError, evaluate, parse_expression, vocabulary
from tests.sampling import examples

VALUES: dict[str, Any] = {
    "a": torch.tensor([1.5, -2.0, 0.25]),
    "b": torch.tensor([3, 1, 2]),
    "m": torch.tensor([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0], [2.0, 0.0, 1.0], [7.0, 1.0, 2.0]]),
    "w": torch.tensor([[0.5], [-1.0], [2.0]]),
    "s": torch.tensor(2.5),
    "k": torch.tensor([True, False, True]),
    "n": 3,
    "x": 0.75,
}
NAMESPACE: dict[str, Any] = {
    "torch": torch,
    **vocabulary.CONSTANTS,
    **{name: getattr(torch, name) for name in vocabulary.FUNCTIONS | vocabulary.DTYPES},
    **VALUES,
}


def value_of(text: str) -> Any:
    return evaluate(parse_expression(text), VALUES)


# What fits together should often meet: tensors stand more than once, numbers mostly beside them.
tensors = st.sampled_from(["a", "a", "a", "m", "m", "s", "s", "b", "w", "k"])
numbers = st.one_of(
    st.sampled_from(["n", "x"]),
    st.integers(-4, 4).map(str),
    st.sampled_from(["0.5", "2.0", "-1.25", "1e-3", "pi", "inf"]),
)
indices = st.sampled_from(
    ["0", "-1", "5", ":", "1:", ":-1", "::2", "...", "None", "[2, 0]", "b", "k", "0, 1", ":, 0",
     ":, :-1", "[0, 1], [1, 2]", "..., -1", "..., None", "b > 1", "1:, None"]
)  # fmt: skip
arguments = st.sampled_from(
    ["", "", "", "0", "1", "-1", "dim=0", "0, keepdim=True", "0, correction=0"]
)
reductions = st.sampled_from(["mean", "std", "var", "sum", "prod", "amax", "argmin", "norm"])
unary = st.sampled_from(
    ["abs", "exp", "log", "sqrt", "relu", "sigmoid", "tanh", "square", "sign", "zeros_like",
     "isfinite", "floor", "max", "sort"]
)  # fmt: skip
attributes = st.sampled_from(["T", "shape", "dtype", "ndim", "max(0).values", "sort().indices"])
operators = st.sampled_from(
    ["+", "-", "*", "/"] * 4 + ["//", "%", "**", "@", "<", "<=", "==", "!=", ">", "&", "|", "^"]
)


def applied(name: str, inner: str) -> str:
    if name == "sort":
        return f"sort({inner}).values"
    return f"{name}({inner})" if len(inner) % 2 else f"torch.{name}({inner})"


within = st.recursive(
    st.one_of(tensors, tensors, tensors, numbers),
    lambda inner: st.one_of(
        st.tuples(inner, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, operators, numbers).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(numbers, operators, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(unary, inner).map(lambda t: applied(*t)),
        st.tuples(inner, reductions, arguments).map(lambda t: f"({t[0]}).{t[1]}({t[2]})"),
        st.tuples(inner, indices).map(lambda t: f"({t[0]})[{t[1]}]"),
        st.tuples(st.sampled_from(["-", "~", "+"]), inner).map("".join),
        st.tuples(st.sampled_from(["maximum", "minimum", "matmul", "dot"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]}, {t[2]})"
        ),
    ),
    max_leaves=6,
)
expressions = st.one_of(
    within, within, within, st.tuples(within, attributes).map(lambda t: f"({t[0]}).{t[1]}")
)


def same(left: Any, right: Any) -> bool:
    """Whether two results are one: tensors bit for bit with their dtype, numbers, lists, names."""
    if isinstance(right, (torch.Size, torch.dtype)):
        right = list(right) if isinstance(right, torch.Size) else str(right)[len("torch.") :]
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return left.dtype == right.dtype and torch.equal(
            left.nan_to_num() if left.is_floating_point() else left,
            right.nan_to_num() if right.is_floating_point() else right,
        )
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    return type(left) is type(right) and bool(left == right)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.campaign
@settings(
    max_examples=examples(10_000, sample=1_000), deadline=None, database=None, derandomize=True
)
@given(expressions)
def test_an_expression_gives_what_torch_gives_or_both_fail(text: str) -> None:
    try:
        expected = eval(text, dict(NAMESPACE))  # the reference: Python itself, on our own text
    except Exception:
        with pytest.raises(Exception):  # noqa: B017, PT011
            value_of(text)
        return
    assert same(value_of(text), expected)


HOSTILE = [
    "a.__class__",
    "a.__class__.__mro__[1].__subclasses__()",
    "().__class__",
    "__import__('os').system('true')",
    "torch.load('x')",
    "torch.ops.aten.add(a, b)",
    "torch.__dict__",
    "a.data_ptr()",
    "a.numpy()",
    "getattr(a, 'b')",
    "open('x')",
    "exec('1')",
    "lambda: 1",
    "(lambda: 1)()",
    "[x for x in a]",
    "{x for x in a}",
    "{1: 2}",
    "(x for x in a)",
    "f'{a}'",
    "'text'",
    "b'bytes'",
    "1j",
    "(y := 1)",
    "a if b else x",
    "a and b",
    "not a",
    "a is b",
    "a in b",
    "0 < a < 1",
    "a; b",
    "a = 1",
    "import os",
    "del a",
    "print(a)",
    "a.mean(*b)",
    "sum(**a)",
    "maximum(a, out=a)",
    "yield a",
    "await a",
    "1 << 99999",
    "2 ** 10 ** 10",
    "9 ** 9 ** 9 ** 9",
    "(-9) ** 99999",
    "10.0 ** 400",
    "1 / 0",
    "1 % 0",
    "(((((" * 2_000,
    "[" * 100 + "]" * 100,
    "-" * 1_999 + "1",
    "~" * 900 + "n",
    "a" + " + a" * 490,
    "x" * 3_000,
    "a.exp()" + ".exp()" * 200,
    "",
    "   ",
    "\x00",
    "a b",
    "a[",
    "a[0",
    "# only a comment",
    "outer(big, big)",
    "big[:, None] * big",
    "diag(big)",
    "diag(big[:5], diagonal=50000)",
    "big[:5].diag(-50000)",
    "big.clamp(min=big[:, None])",
    "clamp(big, max=big[:, None])",
    "where(big[:, None] > 0, big, 0.0)",
    "big[:20000, None, None] @ big[None, None, :]",
    "matmul(big[:20000, None, None], big[None])",
    "cat([huge, huge, huge])",
    "stack([huge, huge, huge])",
    "big[index[:, None], None][:, [0, 0]][:, 0, 0][index[:, None], index]",
    "big[:, None][:, index]",
    "a.shape.__len__()",
    "unknown.mean()",
    "x.mean()",
    "[1, 2] * n",
    "(1, 2) * 9999999999",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:30] or "empty")
def test_a_hostile_expression_ends_in_a_clear_error_within_a_second(text: str) -> None:
    index = torch.zeros(100_000, dtype=torch.int64)
    huge = torch.zeros(1).expand(2**29)
    values = {**VALUES, "big": torch.zeros(100_000), "index": index, "huge": huge}
    start = time.perf_counter()
    with pytest.raises(ExpressionError) as caught:
        evaluate(parse_expression(text), values)
    assert time.perf_counter() - start < 1
    assert len(str(caught.value)) < 1_500
    assert str(caught.value).strip()


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("a.maen()", 2, "did you mean `mean`?"),
        ("1 + sqrrt(a)", 4, "did you mean `sqrt`?"),
        ("a.sum().shap", 8, "did you mean `shape`?"),
        ("a.sum(keepdims=True)", 6, "did you mean `keepdim`?"),
        ("a + [i for i in b]", 4, "a comprehension is not part of expressions"),
        ("  a.to(torch.float31)", 13, "did you mean `float32`?"),
        ("...", 0, "`...` is a hole\nwrite an expression in its place"),
        ("2 * ...", 4, "`...` is a hole"),
        ("вес.maen()", 4, "did you mean `mean`?"),
        ("(вес\n + maen(b))", 8, "did you mean `mean`?"),
    ],
)
def test_an_error_says_at_which_character_and_what_was_meant(
    text: str, offset: int, message: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_expression(text)
    assert caught.value.offset == offset
    assert message in str(caught.value)


def test_an_assignment_in_place_changes_a_copy_as_torch_does() -> None:
    before = VALUES["a"].clone()
    assert torch.equal(value_of("a += 1"), before + 1)
    assert torch.equal(VALUES["a"], before)
    with pytest.raises(ExpressionError, match=r"result type Float can't be cast.*\n.*cast: "):
        value_of("b += a")


@pytest.mark.parametrize("text", ["b.mean()", "std(b)", "b.var(0)"])
def test_a_statistic_of_whole_numbers_says_how_to_convert_them(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"floating point.*\nconvert .* `\.to\(float32\)`"):
        value_of(text)


def test_a_pair_of_results_must_be_taken_apart() -> None:
    with pytest.raises(ExpressionError, match=r"take `\.values` or `\.indices`"):
        value_of("m.max(0)")


def test_the_page_names_the_whole_vocabulary() -> None:
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs" / "expressions.md").read_text(encoding="utf-8")
    words = set(page.replace("`", " ").replace(",", " ").split())
    for group in ("FUNCTIONS", "METHODS", "ATTRIBUTES", "DTYPES", "CONSTANTS", "KEYWORDS"):
        assert set(getattr(vocabulary, group)) <= words, group
