"""pytest leaves the YAML files of other tools alone, and no recipe with a mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import run_module

Write = Callable[[str, str], Path]

FOREIGN = {
    "conda.yaml": "recipe:\n  name: lib\n  version: 1.0\nbuild: {number: 0}\n",
    "dish.yaml": "recipe: Pancakes\nservings: 4\ningredients:\n  - 2 eggs\n",
    "tune.yaml": "recipe: full_finetune_distributed\nmodel: {_component_: x}\n",
    "rattler.yaml": 'schema_version: 1\ncontext: {version: "1"}\npackage: {name: x}\n',
    "helm.yaml": "kind: X\nname: {{ .Values.name }}\n",
    "ci.yml": "job:\n  script: !reference [.setup, script]\n",
    "several.yaml": "---\na: 1\n---\nrecipe: second\n",
    "empty.yaml": "",
}
WRONG = {
    "misspelt.yaml": "recipe: r\nstpes:\n  - tensor: {a: [1]}\n",
    "unknown.yaml": "recipe: r\nsteps: [nothing]\n",
    "latin.yaml": "recipe: caf\udce9\nsteps: [load]\n",
}


def test_foreign_files_are_not_collected(tmp_path: Path, write: Write) -> None:
    for name, text in FOREIGN.items():
        write(f"deep/{name}", text)
    write("own.yaml", "recipe: own\nsteps: [tensor: {a: [1, 2]}]\nexpect: {a: {shape: [2]}}\n")
    done = run_module(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert (done.returncode, done.stdout.count("1 passed")) == (0, 1), done.stdout
    named = [f"deep/{name}" for name in FOREIGN]
    done = run_module(tmp_path, "flowrun", "test", *named)
    assert done.returncode == 2, "there is no recipe among them"


def test_a_recipe_with_a_mistake_fails(tmp_path: Path) -> None:
    for name, text in WRONG.items():
        (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    done = run_module(tmp_path, "pytest", "-q", "-p", "no:cacheprovider")
    assert "3 failed" in done.stdout, done.stdout
