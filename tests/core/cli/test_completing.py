"""Completion in a shell: the names of values, with the parts of dicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import Flowrun

Write = Callable[[str, str], Path]

RECIPE = (
    "recipe: r\nsteps:\n  - tensor: {a: [1.0], b: 2.0}\n  - grad: {of: (a ** 2).sum(), by: [a]}\n"
)


def completed(flowrun: Flowrun, *words: str) -> list[str]:
    """The completions that bash is given for a command line whose last word is being typed."""
    line = " ".join(["flowrun", *words])
    done = flowrun(_FLOWRUN_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD=str(len(words)))
    return [entry.partition(",")[2] for entry in done.stdout.splitlines() if entry]


def test_names_of_values_are_completed_from_the_plan_and_then_from_the_latest_run(
    flowrun: Flowrun, write: Write
) -> None:
    write("r.yaml", RECIPE)
    assert completed(flowrun, "r.yaml", "--show", "g") == ["grads"]
    assert flowrun("r.yaml").returncode == 0
    assert completed(flowrun, "r.yaml", "--show", "g") == ["grads", "grads.a"]
    assert completed(flowrun, "r.yaml", "--show", "exp(grads.") == ["exp(grads.a"]
    assert completed(flowrun, "show", "last", "a") == ["a"]
    assert completed(flowrun, "show", "last", "2*b") == ["2*b"]


def test_a_recipe_or_run_that_is_not_there_completes_nothing(
    flowrun: Flowrun, write: Write
) -> None:
    assert completed(flowrun, "none.yaml", "--show", "a") == []
    assert completed(flowrun, "show", "last", "a") == []
    write("r.yaml", "recipe: r\nsteps: 3\n")
    assert completed(flowrun, "r.yaml", "--show", "a") == []


def test_paths_of_settings_are_completed_with_their_present_values(
    flowrun: Flowrun, write: Write
) -> None:
    write("r.yaml", "recipe: r\nseed: 3\nvars: {rows: 5}\n" + RECIPE.partition("\n")[2])
    assert completed(flowrun, "r.yaml", "--set", "s") == ["seed=3"]
    assert completed(flowrun, "r.yaml", "--set", "v") == ["vars.rows=5"]
    assert completed(flowrun, "r.yaml", "--set", "grad.") == ["grad.of=", "grad.by="]
    write("wine.yaml", "recipe: wine\nsteps:\n  - load: {source: wine-red}\n")
    found = completed(flowrun, "wine.yaml", "--set", "load.s")
    assert found == ["load.source=wine-red", "load.sha256="]
    assert completed(flowrun, "none.yaml", "--set", "s") == []


def test_runs_are_completed_the_latest_first(flowrun: Flowrun, write: Write) -> None:
    assert completed(flowrun, "show", "l") == []
    write("r.yaml", RECIPE)
    runs = []
    for _ in range(2):
        assert flowrun("r.yaml").returncode == 0
        runs = sorted((path.name for path in Path(".flowrun/runs").iterdir()), reverse=True)
    assert completed(flowrun, "show", "") == ["last", *runs]
    assert completed(flowrun, "diff", "last", runs[1]) == [runs[1]]
    Path(".flowrun/store").rename("store")
    for run in runs:  # which are then as if they came from elsewhere
        path = Path(".flowrun/runs", run, "run.json")
        path.write_text(path.read_text().replace('"seed": ', '"seed":  '))
    assert completed(flowrun, "show", "") == runs


def test_steps_devices_and_files_are_completed(flowrun: Flowrun) -> None:
    assert completed(flowrun, "steps", "gd_") == ["gd_train"]
    assert completed(flowrun, "r.yaml", "--device", "c") == ["cpu", "cuda"]
    for words in (["check"], ["explain"], ["graph"], ["watch"], ["export"], ["run"], ["lint"]):
        done = flowrun(
            _FLOWRUN_COMPLETE="bash_complete",
            COMP_WORDS=" ".join(["flowrun", *words, "re"]),
            COMP_CWORD=str(len(words) + 1),
        )
        assert done.stdout == "file,re\n"


def test_files_are_completed_in_the_place_of_a_command(flowrun: Flowrun) -> None:
    done = flowrun(_FLOWRUN_COMPLETE="bash_complete", COMP_WORDS="flowrun hou", COMP_CWORD="1")
    assert done.stdout == "file,hou\n"
    assert completed(flowrun, "exp") == ["explain", "export"]
