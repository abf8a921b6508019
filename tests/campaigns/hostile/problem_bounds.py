"""Thousands of mistakes: each command ends in time, and 20 problems are printed."""

from __future__ import annotations

from collections.abc import Sequence

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.recipe_bounds import SMALL, STEPS, recipe

GROUP = "problem bounds"


def many(
    name: str,
    text: str,
    count: int,
    *says: str,
    command: Sequence[str] = ("check", "r.yaml"),
    codes: Sequence[int] = (2,),
) -> Attempt:
    """A recipe with many problems, of which 20 are printed."""
    return Attempt(
        group=GROUP,
        name=name,
        prepare=recipe(text),
        commands=[command],
        codes=codes,
        says=[r"r\.yaml:\d+:\d+: ", rf"(?m)^and {count - 20} more$", *says],
        never=("importing",),
    )


def numbered(count: int, text: str, between: str = ", ") -> str:
    """A text `count` times, each with its number in place of N."""
    return between.join(text.replace("N", str(number)) for number in range(count))


UNKNOWN = f"recipe: r\nsteps:\n{numbered(10_000, '  - compute: {cN: dN}', chr(10))}\n"
MANY = {
    "names in steps of their own": (UNKNOWN, 10_000),
    "names in one step": (
        f"recipe: r\nsteps:\n  - compute: {{{numbered(10_000, 'cN: dN')}}}\n", 10_000),
    "names beside as many known ones": (
        f"recipe: r\nsteps:\n  - tensor: {{{numbered(5_000, 'cN: 1')}}}\n"
        f"  - show: [{numbered(5_000, 'dN')}]\n", 5_000),
    "names of steps": ("recipe: r\nsteps:\n" + "  - shufle\n" * 40_000, 40_000),
    "options": (f"recipe: r\nsteps:\n  - load: {{{numbered(20_000, 'sourcN: 1')}}}\n", 20_001),
    "inputs": (
        f"{SMALL}  - shuffle:\n    in: {{{numbered(20_000, 'datN: aN')}}}\n", 20_001),
    "expected values": (f"{SMALL}expect: {{{numbered(10_000, 'bN: {below: 1}')}}}\n", 10_000),
    "checks": (f"{SMALL}expect: {{a: {{{numbered(20_000, 'belowN: 1')}}}}}\n", 20_000),
    "keys": (f"{SMALL}{numbered(20_000, 'stepsN: 1', chr(10))}\n", 20_000),
    "ids": ("recipe: r\nsteps:\n" + "  - {tensor: {a: 1}, id: a}\n" * 10_000, 9_999),
    "tags": (f"recipe: r\ntags: [{'a-b, ' * 20_000}]\n{STEPS}", 20_000),
    "needs": (f"recipe: r\nneeds: [{'cuuda, ' * 20_000}]\n{STEPS}", 20_000),
    "variables of the environment": (
        f"recipe: r\nvars: {{a: [{numbered(10_000, chr(34) + '${env:HOMEN}' + chr(34))}]}}\n"
        f"{STEPS}", 10_000),
    "keys that stand twice": (f"recipe: r\nvars: {{{'a: 1, ' * 20_000}}}\n{STEPS}", 19_999),
    "tags of YAML": (f"recipe: r\nvars: [{'!!python/object:os.system 1, ' * 20_000}]\n{STEPS}",
        20_001),
}  # fmt: skip
ATTEMPTS = [many(f"{count:,} wrong {what}", text, count) for what, (text, count) in MANY.items()]
# A problem that is no error of the form is found by every command that plans.
ATTEMPTS += [
    many(
        f"10,000 unknown names in `{' '.join(command)}`",
        UNKNOWN,
        10_000,
        command=command,
        codes=codes,
    )
    for command, codes in (
        (("run", "r.yaml"), (2,)),
        (("explain", "r.yaml"), (2,)),
        (("graph", "r.yaml"), (2,)),
        (("run", "r.yaml", "--quiet"), (2,)),
        (("test", "r.yaml"), (1, 2, 3)),
    )
]
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"10,000 unknown names, all listed, in `{' '.join(command)}`",
        prepare=recipe(UNKNOWN),
        commands=[command],
        codes=(2,),
        says=[r'"message": "compute needs `d0`', r'"message": "compute needs `d9999`'],
        seconds=20.0,
    )
    for command in (("check", "r.yaml", "--json"), ("run", "r.yaml", "--json"))
]
# Names so long, or so many, that a comparison would take minutes.
ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=what,
        prepare=recipe(text),
        commands=[["check", "r.yaml"]],
        codes=(2,),
        says=[r"r\.yaml:\d+:\d+: "],
    )
    for what, text in {
        "a misspelt name of 500,000 characters": f"recipe: r\nsteps:\n  - {'tensor' * 80_000}\n",
        "a misspelt name beside one of 400,000 characters":
            f"recipe: r\nvars: {{{'v' * 400_000}: 1, w: '${{{'v' * 400_000}x}}'}}\n{STEPS}",
        "an unknown function of 1,900 characters in an expression":
            f"recipe: r\nsteps:\n  - compute: {{a: '{'exp' * 600}(1)'}}\n",
        "a name of a step that runs on for 100,000 spaces":
            f"recipe: r\nsteps:\n  - \"load {' ' * 100_000}x\"\n",
        "a name of a step that runs on with 30,000 signs":
            f"recipe: r\nsteps:\n  - load {'a = ' * 30_000}\n",
    }.items()
]  # fmt: skip
