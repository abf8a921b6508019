"""`flowrun examples`: one shipped recipe, of a folder of recipes as well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Flowrun


@pytest.mark.parametrize(
    "name",
    ["article/01_tensors_create.yaml", "article/01_tensors_create", "01_tensors_create"],
)
def test_one_recipe_of_a_folder_is_written(flowrun: Flowrun, name: str) -> None:
    done = flowrun("examples", name)
    path = "article/01_tensors_create.yaml"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"wrote {path}\nrun it: flowrun {path}\n"
    assert [str(one) for one in Path("article").iterdir()] == [path]


def test_an_unknown_recipe_of_a_folder_is_refused(flowrun: Flowrun) -> None:
    done = flowrun("examples", "article/01_tensor_create")
    assert done.returncode == 2
    assert "did you mean `01_tensors_create`?" in done.stderr
    assert not Path("article").exists()
