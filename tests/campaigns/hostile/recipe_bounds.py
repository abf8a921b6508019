"""Recipes of absurd size, depth and number: each ends in time, at a bound that names its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import World

GROUP = "recipe bounds"
STEPS = "steps:\n  - tensor: {a: [1.5, 2]}\n"
SMALL = f"recipe: r\n{STEPS}"
DIGITS = 10_001
PLACE = r"r\.yaml:\d+:\d+: "
TOO_LONG = r"no number of a recipe is that long"


def recipe(text: str) -> Callable[[World], object]:
    """Prepares a folder with one recipe."""
    return lambda world: world.write("r.yaml", text)


def refused(
    name: str,
    text: str,
    *says: str,
    command: Sequence[str] = ("check", "r.yaml"),
    more: Callable[[World], object] | None = None,
) -> Attempt:
    """A recipe that is refused with a place, before torch is imported."""

    def prepare(world: World) -> None:
        world.write("r.yaml", text)
        if more is not None:
            more(world)

    return Attempt(
        group=GROUP,
        name=name,
        prepare=prepare,
        commands=[command],
        codes=(2,),
        says=says,
        never=("importing", "internal"),
    )


# Numbers, in every place where a text becomes one.

NUMBERS = {
    "hexadecimal": "0x" + "f" * DIGITS,
    "octal": "0o" + "7" * DIGITS,
    "decimal": "9" * DIGITS,
    "negative": "-" + "9" * DIGITS,
    "fraction": "0." + "9" * DIGITS,
    "exponent": "1e" + "9" * DIGITS,
}
PLACES = {
    "an option": "recipe: r\nsteps:\n  - tensor: {a: NUMBER}\n",
    "a variable": f"recipe: r\nvars: {{v: NUMBER}}\n{STEPS}",
    "the seed": f"recipe: r\nseed: NUMBER\n{STEPS}",
    "an expectation": f"{SMALL}expect:\n  a: {{equals: NUMBER}}\n",
    "a key": f"recipe: r\nvars: {{NUMBER: 1}}\n{STEPS}",
}
ATTEMPTS = [
    refused(f"{kind} digits by the thousand in {place}", text.replace("NUMBER", number),
            PLACE + "a number of|" + PLACE + "a key must be")
    for place, text in PLACES.items()
    for kind, number in NUMBERS.items()
    if kind in ("hexadecimal", "exponent") or place == "an option"
]  # fmt: skip
ATTEMPTS += [
    refused(f"{kind} digits by the thousand in --set", SMALL, r"--set:1:\d+: .*" + TOO_LONG,
            command=("check", "r.yaml", "--set", f"tensor.a={number}"))
    for kind, number in NUMBERS.items()
]  # fmt: skip
ATTEMPTS += [
    refused("a list of hexadecimal digits in --set", SMALL, r"--set:1:\d+: .*" + TOO_LONG,
            command=("check", "r.yaml", "--set", f"tensor.a=[{NUMBERS['hexadecimal']}]")),
    refused("digits by the thousand in --seed", SMALL, "seed",
            command=("check", "r.yaml", "--seed", "9" * DIGITS)),
    refused("digits by the thousand as a position in an expectation",
            f"{SMALL}expect:\n  'a[{'9' * 900}]': {{below: 1}}\n",
            PLACE + ".*stops being a path"),
    refused("digits by the thousand as a position in a reference",
            f"recipe: r\nvars: {{v: [1], w: '${{v[{'9' * DIGITS}]}}'}}\n{STEPS}",
            PLACE + ".*stops being a path"),
    refused("digits by the thousand as a position in --set", SMALL, "--set:1:",
            command=("check", "r.yaml", "--set", f"tensor.a[{'9' * DIGITS}]=1")),
    refused("an absurd number of a device", f"recipe: r\ndevice: cuda:{'9' * DIGITS}\n{STEPS}",
            PLACE + "`device` is not known"),
    refused("a negative seed", f"recipe: r\nseed: -1\n{STEPS}", PLACE + "`seed` does not fit"),
    refused("a seed of 65 bits", f"recipe: r\nseed: {2**64}\n{STEPS}",
            PLACE + "`seed` does not fit"),
    refused("an absurd number of a device of a step",
            f"recipe: r\nsteps:\n  - tensor: {{a: 1}}\n    device: cuda:{'9' * DIGITS}\n",
            PLACE + "`device` is not known"),
    refused("an absurd dtype", f"recipe: r\ndtype: float{'9' * DIGITS}\n{STEPS}",
            PLACE + "`dtype` is not known"),
    refused("more seeds than there are", f"{SMALL}expect:\n  a: {{seeds: {10**300}, mean: "
            "{below: 1}}\n", PLACE + "`seeds` does not fit"),
    refused("a size of a shape below zero", f"{SMALL}expect:\n  a: {{shape: [-1]}}\n",
            PLACE + "`shape` does not fit"),
]  # fmt: skip

# Depth and size of the text.

ATTEMPTS += [
    refused(f"{count:,} {what} in each other", f"recipe: r\nvars: {{a: {text}}}\n{STEPS}",
            PLACE + "nested deeper than 64 levels")
    for count, what, text in (
        (100_000, "brackets", "[" * 100_000),
        (100_000, "closed brackets", "[" * 100_000 + "]" * 100_000),
        (50_000, "braces", "{a: " * 50_000),
    )
]  # fmt: skip
ATTEMPTS += [
    refused("1,000 indented mappings", "recipe: r\nvars:\n" + "".join(
            " " * depth + "a:\n" for depth in range(1, 1_000)), PLACE + "nested deeper"),
    refused("aliases that multiply", "recipe: r\nvars:\n  a0: &a0 [lol, lol]\n" + "".join(
            f"  a{n + 1}: &a{n + 1} [*a{n}, *a{n}, *a{n}]\n" for n in range(60)) + STEPS,
            PLACE + "more than 100,000 nodes"),
    refused("aliases of one long text", f"recipe: r\nvars: {{a: &a {'x' * 500_000}}}\nsteps:\n"
            + "  - *a\n" * 50_000, PLACE + "the aliases stand for more than 16,777,216 characters"),
    refused("merge keys in a chain", "recipe: r\nvars:\n  a0: &a0 {k: 1}\n" + "".join(
            f"  a{n + 1}: &a{n + 1} {{<<: *a{n}, k{n}: 1}}\n" for n in range(60)) + STEPS,
            PLACE + "merge keys are not part"),
    refused("an anchor in itself", f"recipe: r\nvars: {{a: &a [*a]}}\n{STEPS}",
            PLACE + r"`\*a` refers to an anchor"),
    refused("200,000 steps", "recipe: r\nsteps:\n" + "- a\n" * 200_000,
            PLACE + "more than 100,000 nodes"),
    refused("90,000 variables",
            "recipe: r\nvars: {" + "".join(f"a{n},\n" for n in range(90_000)) + "}\n" + STEPS,
            PLACE + "more than 100,000 nodes"),
    refused("200,000 variables of one name",
            "recipe: r\nvars: {" + "a,\n" * 200_000 + "}\n" + STEPS,
            PLACE + "`a` is given twice", r"and \d+ more"),
    refused("20,000 variables without an end",
            "recipe: r\nvars: {" + "".join(f"a{n}: 1, " for n in range(20_000)),
            PLACE + "not YAML"),
    refused("a line of a million characters without a colon", "recipe: r\n" + "a" * 1_000_000,
            PLACE + "not YAML"),
    refused("a line of a thousand texts with brackets", "recipe: r\nsteps: [" + "a[b]" * 50_000,
            PLACE + "not YAML"),
    refused("an escaped NUL as the path of a recipe", f"recipe: r\nextends: \"a\\0b\"\n{STEPS}",
            PLACE + r"a text with the character U\+0000"),
    refused("an escaped NUL as the path of data",
            'recipe: r\nsteps:\n  - load: {source: "a\\0b"}\n',
            PLACE + "a text with the character"),
    refused("an escaped NUL as a plugin", f"recipe: r\nplugins: [\"./a\\0.py\"]\n{STEPS}",
            PLACE + "a text with the character"),
    refused("an escaped NUL in --set", SMALL, "--set:1:.* a text with the character",
            command=("check", "r.yaml", "--set", 'tensor.a="a\\0b"')),
]  # fmt: skip

ATTEMPTS += [
    refused(f"a file of 50 MB of {what}", "", r"r\.yaml: a recipe is at most 1 MiB",
            more=lambda world, text=text: world.write("r.yaml", SMALL + text * 1_000_000))
    for what, text in (("comments", "#" * 50), ("steps", "  - tensor: {a: 1}\n" * 3))
]  # fmt: skip

# References and chains of files.


def _chain(world: World) -> None:
    for number in range(3_000):
        world.write(f"x{number}.yaml", f"recipe: r\nextends: x{number + 1}.yaml\n")
    world.write("x3000.yaml", SMALL)


def _large_chain(world: World) -> None:
    for number in range(60):
        numbers = "1," * 90_000
        text = f"recipe: r\nextends: y{number + 1}.yaml\nvars: {{v{number}: [{numbers}]}}\n"
        world.write(f"y{number}.yaml", text)
    world.write("y60.yaml", SMALL)


def _circle(world: World) -> None:
    world.write("one.yaml", "recipe: r\nextends: two.yaml\n")
    world.write("two.yaml", "recipe: r\nextends: one.yaml\n")


def variables(texts: Sequence[str]) -> str:
    """A recipe with these texts of variables `v0`, `v1` and so on."""
    named = ", ".join(f"v{number}: {text}" for number, text in enumerate(texts))
    return f"recipe: r\nvars: {{{named}}}\n{STEPS}"


ATTEMPTS += [
    refused("variables that double a text 40 times", variables(
            ["ab", *(f'"${{v{n}}}${{v{n}}}"' for n in range(40))]),
            PLACE + "a text of more than 1 MiB"),
    refused("variables that double a list 40 times", variables(
            ["[1]", *(f'["${{v{n}}}", "${{v{n}}}"]' for n in range(40))]),
            PLACE + "the references of this recipe expand to too many values"),
    refused("3,000 variables, each in a list of the next", variables(
            ["[1]", *(f'["${{v{n}}}"]' for n in range(3_000))]),
            PLACE + "with its references this is nested deeper than 64 levels", "3 problems|and"),
    refused("a circle of 20,000 variables", variables(
            [f'"${{v{(n + 1) % 20_000}}}"' for n in range(20_000)]),
            PLACE + r"`vars` refer to each other in a circle: v0 -> .* -> \.\.\. -> .* -> v0"),
    refused("20,000 references to unknown variables", variables(
            ["1"] * 20_000).replace("a: [1.5, 2]", "a: [" + ", ".join(
            f'"${{w{n}}}"' for n in range(20_000)) + "]"),
            PLACE + "`.{w0}` refers to", "did you mean `v10`", "and 19980 more"),
    refused("references that open 200,000 times", variables(["'" + "${" * 200_000 + "'"]),
            PLACE + r"`\$\{` without its `\}`"),
    refused("a chain of 3,000 recipes", "recipe: r\nextends: x0.yaml\n",
            r"x62\.yaml:2:10: a chain of more than 64 recipes", more=_chain),
    refused("a chain of 60 recipes of 90,000 values each", "recipe: r\nextends: y0.yaml\n",
            r"y\d+\.yaml:\d+:\d+: .*1 MiB", more=_large_chain),
    refused("two recipes that extend each other", "recipe: r\nextends: one.yaml\n",
            r"two\.yaml:2:10: `extends` leads in a circle", more=_circle),
    refused("a recipe that extends itself", "recipe: r\nextends: r.yaml\n",
            PLACE + "`extends` leads in a circle"),
    refused("a path of 5,000 characters to extend", f"recipe: r\nextends: {'a' * 5_000}\n",
            PLACE + "`extends` names"),
    refused("a path of 5,000 folders to extend", f"recipe: r\nextends: {'a/' * 5_000}a\n",
            PLACE + "`extends` names"),
    refused("3,000 steps, each after the one before", "recipe: r\nextends: one.yaml\nsteps:\n"
            + "".join(f"  - {{shuffle: , id: s{n}, after: s{n - 1}}}\n" for n in range(3_000)),
            PLACE, more=lambda world: world.write("one.yaml", SMALL)),
]  # fmt: skip


def _large_variable(world: World) -> None:
    world.write("r.yaml", f"recipe: r\nvars: {{v: ['${{env:GIANT}}', 1]}}\n{STEPS}")


ATTEMPTS += [
    Attempt(
        group=GROUP,
        name=f"a variable of the environment with {what}",
        prepare=_large_variable,
        commands=[["explain", "r.yaml"]],
        codes=(0, 2),
        variables={"GIANT": text},
    )
    for what, text in (
        ("100,000 digits", "9" * 100_000),
        ("100,000 hexadecimal digits", "0x" + "f" * 100_000),
        ("100,000 brackets", "[" * 100_000),
    )
]


def _chain_of_variables(world: World) -> None:
    texts = [f'"${{v{n + 1}}}"' for n in range(20_000)]
    world.write("r.yaml", variables([*texts, "1"]))


ATTEMPTS += [
    Attempt(
        group=GROUP,
        name="a chain of 20,000 variables, which is well-formed",
        prepare=_chain_of_variables,
        commands=[["explain", "r.yaml"]],
        codes=(0,),
        says=["tensor"],
    )
]
