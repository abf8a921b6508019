"""Recipes that read what others write, tested together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.testing.recipes.conftest import Pytest

Write = Callable[[str, str], Path]

STEPS = """
from flowrun import FlowrunError, step

@step(outputs=(), effect=True)
def put(*, to: str, ctx):
    path = ctx.path(to)
    path.parent.mkdir(exist_ok=True)
    path.write_text(ctx.path(to).name)
    with ctx.path("log.txt").open("a") as log:
        log.write(f"{to}\\n")

@step(outputs="text")
def take(*, source: str, ctx):
    path = ctx.reads(ctx.path(source))
    if not path.is_file():
        raise FlowrunError(f"{path.name} is not there")
    return path.read_text()
"""


def recipe(*steps: str) -> str:
    return "recipe: r\nplugins: [./files.py]\nsteps:\n" + "".join(f"  - {one}\n" for one in steps)


@pytest.mark.parametrize("spread", [[], ["-n", "2"], ["-n", "2", "--dist=loadfile"]], ids=str)
def test_a_recipe_that_reads_what_another_writes_comes_behind_it(
    spread: list[str], run_pytest: Pytest, write: Write
) -> None:
    write("files.py", STEPS)
    write("a_last.yaml", recipe("take: {source: out/b.txt}"))
    write("b_second.yaml", recipe("take: {source: ./out/c.txt}", "put: {to: out/b.txt}"))
    write("c_first.yaml", recipe("put: {to: out/../out/c.txt}"))
    done = run_pytest("-v", *spread)
    assert "3 passed" in done.stdout
    if not spread:
        names = [line.split("::")[0] for line in done.stdout.splitlines() if "PASSED" in line]
        assert names == ["c_first.yaml", "b_second.yaml", "a_last.yaml"]


def test_a_recipe_tested_alone_is_not_run_behind_others(run_pytest: Pytest, write: Write) -> None:
    write("files.py", STEPS)
    write("a_last.yaml", recipe("take: {source: out/b.txt}"))
    write("b_first.yaml", recipe("put: {to: out/b.txt}"))
    assert "b.txt is not there" in run_pytest("a_last.yaml").stdout


def test_two_that_read_each_other_stay_in_their_order(run_pytest: Pytest, write: Write) -> None:
    write("files.py", STEPS)
    write("out/a.txt", "a")
    write("out/b.txt", "b")
    write("a.yaml", recipe("take: {source: out/b.txt}", "put: {to: out/a.txt}"))
    write("b.yaml", recipe("take: {source: out/a.txt}", "put: {to: out/b.txt}"))
    done = run_pytest("-v")
    names = [line.split("::")[0] for line in done.stdout.splitlines() if "PASSED" in line]
    assert sorted(names) == ["a.yaml", "b.yaml"]
