"""Expressions and patterns of absurd size: refused at their place, or an error of their step."""

from __future__ import annotations

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.recipe_bounds import PLACE, SMALL, recipe

GROUP = "expression bounds"


def _of(expression: str, step: str = "compute") -> str:
    return f"{SMALL}  - {step}: {{b: '{expression}'}}\n"


# Refused before anything runs: torch is not even imported.
TEXTS = {
    "a chain of 100,000 operators": ("+".join(["a"] * 100_000), "longer than 2000 characters"),
    "a chain of 900 operators": ("+".join(["a"] * 900), "nested deeper than 40 levels"),
    "900 signs": ("-" * 900 + "a", "nested deeper than 40 levels"),
    "1,900 tildes": ("~" * 1_900 + "a", "nested deeper|not one expression|not an expression"),
    "900 brackets": ("(" * 900 + "a" + ")" * 900, "nested deeper than 40 levels"),
    "100,000 brackets that do not close": ("(" * 100_000, "longer than 2000 characters"),
    "900 brackets that do not close": ("(" * 900, "nested deeper than 40 levels"),
    "900 lists": ("[" * 900 + "]" * 900, "nested deeper than 40 levels"),
    "a chain of 300 attributes": ("a" + ".T" * 300, "nested deeper than 40 levels"),
    "a chain of 300 methods": ("a" + ".abs()" * 300, "nested deeper than 40 levels"),
    "a chain of 200 indices": ("a" + "[0]" * 200, "nested deeper than 40 levels"),
    "a chain of 900 comparisons": ("<".join(["a"] * 900), "a chain of comparisons"),
    "an index of 900 numbers": (f"a[{'0,' * 900}]", "more than 500 parts"),
    "a text that is multiplied": ('"a" * 10**10', "a str is not part of expressions"),
    "bytes that are multiplied": ('b"a" * 10**10', "a bytes is not part of expressions"),
    "a range": ("range(10**12)", "there is no function `range`"),
    "a tensor of 1e12 ones": ("torch.ones(10**12)", "there is no function `ones`"),
    "zeros by torch": ("torch.zeros(10**12)", "there is no function `zeros`"),
    "a method that repeats": ("a.repeat(10**12)", "there is no method `repeat`"),
    "a method that expands": ("a.expand(10**12, 2)", "there is no method `expand`"),
    "a shift": ("1 << 10**10", "a shift is not part of expressions"),
    "a comprehension": ("[a for _ in a]", "a comprehension is not part of expressions"),
    "a formatted text": ('f"{a:>1000000000}"', "a formatted string is not part"),
    "a lambda": ("(lambda: a)()", "a function is not part|without a name"),
    "an attribute of Python's": ("a.__class__", "there is no attribute `__class__`"),
    "a name of Python's": ("__import__(1)", "there is no function `__import__`"),
    "5,000 digits": ("9" * 5_000, "longer than 2000 characters"),
}
ATTEMPTS = [
    Attempt(
        group=GROUP,
        name=f"{what} in `{step}`",
        prepare=recipe(_of(text, step).replace("'", "'") if '"' not in text else _of(text, step)),
        commands=[["run", "r.yaml"]],
        codes=(2,),
        says=[PLACE + f".*({says})"],
        never=("importing",),
    )
    for step in ("compute", "show")
    for what, (text, says) in TEXTS.items()
    if step == "compute" or "chain" in what
]

# Errors of the step: some at once, since all of a step's errors are reported.
FAIL = {
    "10**10**10": "more than 4096 bits",
    "2**4000 * 2**4000": "more than 4096 bits",
    "(1, 2) * 10**10": "a list stands for a tensor only inside an index",
    "[1] * 10**10": "a list stands for a tensor only inside an index",
    "10**400 / 3": "too large for a float",
    "2.0 ** 10**5": "out of range",
    "1 // 0": "by zero",
    "a + 10**400": "too big",
    "a[10**30]": "more than 64 bits",
    "a.reshape(10**30)": "more than 64 bits",
    "a.sum(10**30)": "more than 64 bits",
    "full_like(a, 10**400)": "more than 64 bits",
    "diag(a, diagonal=50000)": "more than 2\\*\\*30 elements",
    "diag(a, diagonal=10**18)": "more than 2\\*\\*30 elements",
    "outer(outer(a, a).flatten(), zeros_like(a)).reshape(-10)": "",
}


def _failing(texts: list[str]) -> str:
    """A recipe with a step that computes all of these."""
    named = "".join(f"\n      b{number}: '{text}'" for number, text in enumerate(texts))
    return f"{SMALL}  - compute:{named}\n"


# A run prints the first of a step's errors.
HALVES = {"numbers": list(FAIL)[:7], "sizes": list(FAIL)[7:]}
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"absurd {what} in a step, with `{command}`",
        prepare=recipe(_failing(texts)),
        commands=[[command, "r.yaml"]],
        codes=(code,),
        says=[r"r\.yaml:\d+:\d+: ", *(f"b{n}.*{FAIL[text]}" for n, text in enumerate(texts))],
        never=("frame #",),
        seconds=60.0,  # torch is imported
    )
    for command, code in (("run", 3), ("check", 2))
    for what, texts in HALVES.items()
]
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"{what}, with `{command}`",
        prepare=recipe(f"recipe: r\nsteps:\n  - {text}\n"),
        commands=[[command, "r.yaml"]],
        codes=(2, 3),
        says=[r"r\.yaml:\d+:\d+: |`b`"],
        seconds=60.0,
    )
    for command in ("run", "check")
    for what, text in {
        "a tensor of 1e15 random numbers": "random: {b: {randn: [1000000000, 1000000]}}",
        "a range of 1e15 numbers": "random: {b: {arange: 1000000000000000}}",
    }.items()
]
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=what,
        prepare=recipe(f"recipe: r\nsteps:\n  - {text}\n"),
        commands=[["check", "r.yaml"]],
        codes=(2,),
        says=[PLACE],
        never=("importing",),
    )
    for what, text in {
        "a negative size": "random: {b: {randn: [-1]}}",
        "a size that is a fraction": "random: {b: {randn: [1.5]}}",
        "a size of 1e999": "random: {b: {randn: [1e999]}}",
        "an infinite number of updates":
            "tensor: {X_train: [[1]], y_train: [1]}\n  - gd_train: {steps: .inf}",
        "a negative number of updates": "gd_train: {steps: -1}",
        "a learning rate that is no number": "gd_train: {lr: .nan, steps: 0}",
        "a precision of 1e18 digits": "tensor: {a: 1}\n  - show: {b: a, precision: 1000000000000}",
        "a format of 1e9 columns": 'tensor: {a: 1}\n  - show: {b: a, format: "{:1000000000}"}',
        "a format of 1e9 digits": 'tensor: {a: 1}\n  - show: {b: a, format: "{:.1000000000f}"}',
    }.items()
]  # fmt: skip

# Patterns.

_LONG = "a" * 60 + "!.csv"
PATTERNS = {
    "nested repetition": "(a+)+$",
    "nested repetition of a choice": "(a|a)*#",
    "nested repetition of repetitions": "((a*)*)*#",
    "overlapping repetitions": "a*a*a*a*a*a*a*a*a*a*a*a*#",
    "optional letters": "a?" * 30 + "a" * 61 + "#",
}
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"a pattern of {what}",
        prepare=recipe(
            f"recipe: r\nsteps:\n  - load: {{source: '{_LONG}'}}\n"
            f"expect:\n  error: {{step: load, matches: '{pattern}'}}\n"
        ),
        commands=[["run", "r.yaml"]],
        codes=(1,),
        says=["expect .*NOT MET"],
        seconds=60.0,
    )
    for what, pattern in PATTERNS.items()
]
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"a pattern with {what}",
        prepare=recipe(f"{SMALL}expect:\n  error: {{step: tensor, matches: '{pattern}'}}\n"),
        commands=[["check", "r.yaml"]],
        codes=(2,),
        says=[PLACE + "`matches` is not a regular expression: " + says],
        never=("importing", r"re2\.cc"),
    )
    for what, pattern, says in (
        ("a repetition of a million", "a{1000000}", "invalid repetition size"),
        ("repetitions that multiply", "((a{100}){100}){100}", "invalid repetition|pattern too"),
        ("100,000 characters", "a" * 100_000, "it is longer than 1,000 characters"),
        ("900 brackets", "(" * 490 + "a", "missing"),
        ("a look ahead", "(?=a)", "invalid perl operator"),
        ("a reference back", r"(a)\1", "invalid escape sequence"),
    )
]
