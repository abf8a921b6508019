"""Packages that code imports, and readers of libraries that open files unseen."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

import flowrun
from flowrun.store.packages import Packages, imports_in, modules_counted
from flowrun.store.store import Store

TEXT = '''
"""A text that says: import words of it."""
import one
import two.inner, three as other
    import four
from five import a
from six.inner import b
from . import near
import os, json
from pathlib import Path
x = "import seven"
importing = 1
import  eight ,nine
'''


def test_the_imports_of_a_text_are_its_top_names_outside_the_standard_library() -> None:
    Path("a.py").write_text(TEXT)
    assert list(imports_in(Path("a.py"))) == [
        "one", "two", "three", "four", "five", "six", "eight", "nine",
    ]  # fmt: skip
    assert list(imports_in(Path("none.py"))) == []


def test_a_package_has_the_version_of_its_distribution() -> None:
    packages = Packages()
    assert packages.version("numpy") == version("numpy")
    assert re.fullmatch(r"\d+ bytes of \d+", packages.version("yaml"))  # which PyYAML gives
    assert packages.version("no_such_package") == "not installed"
    assert packages.spec("no_such_package") is None


def test_a_module_without_a_distribution_has_the_stamp_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "lonely_module.py"
    path.write_text("x = 1\n")
    first = Packages().version("lonely_module")
    assert first == f"6 bytes of {path.stat().st_mtime_ns}"
    path.write_text("x = 10\n")
    assert Packages().version("lonely_module") != first


def test_a_module_that_may_come_is_awaited_in_the_folder_and_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.path", [str(tmp_path / "lib")])
    packages = Packages()
    packages.await_module("late", tmp_path / "steps")
    assert list(packages.awaited) == [
        tmp_path / "steps" / "late", tmp_path / "steps" / "late.py",
        tmp_path / "lib" / "late", tmp_path / "lib" / "late.py",
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "as_a_whole"), [(50, False), (51, True)])
def test_a_package_counts_as_a_whole_if_it_has_more_than_50_modules(
    count: int, as_a_whole: bool, tmp_path: Path
) -> None:
    folder = tmp_path / "big"
    (folder / "inner").mkdir(parents=True)
    names = ["__init__", "inner/__init__", *(f"inner/m{n:02}" for n in range(count - 2))]
    for name in names:
        (folder / f"{name}.py").touch()
    found = modules_counted("big", str(folder))
    if not as_a_whole:
        assert found == []
        return
    assert len(found) == count
    assert found[:3] == [
        ("big", folder / "__init__.py"), ("big.inner", folder / "inner/__init__.py"),
        ("big.inner.m00", folder / "inner/m00.py"),
    ]  # fmt: skip


def test_a_package_that_counts_as_a_whole_has_the_versions_of_what_it_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "large_package"
    folder.mkdir()
    for name in ("__init__", *(f"m{number}" for number in range(50))):
        (folder / f"{name}.py").write_text(
            "import numpy, no_such_package, large_package, flowrun\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    store = Store(Path("home"), lambda text: None)
    found = store.code.of_package("large_package")
    store.close()
    assert found is not None
    assert (len(found.modules), found.whole) == (51, [str(folder)])
    assert found.packages == {"numpy": version("numpy")}


def test_the_file_of_a_module_is_found_if_it_has_the_same_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lib = tmp_path / "lib"
    for name in ("own_pack/__init__", "own_pack/inner", "own_pack/sub/__init__", "own_single",
                 "home/beside"):  # fmt: skip
        (lib / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (lib / f"{name}.py").touch()
    monkeypatch.syspath_prepend(str(lib))
    packages = Packages()
    home = lib / "home/steps.py"
    for name, file in {
        "own_pack": "own_pack/__init__.py",
        "own_pack.inner": "own_pack/inner.py",
        "own_pack.sub": "own_pack/sub/__init__.py",
        "own_pack.none": None,
        "own_single": "own_single.py",
        "own_single.none": None,
        "beside": "home/beside.py",
        "not_beside": None,
        "numpy": None,
        "sys": None,
    }.items():
        expected = None if file is None else lib / file
        assert packages.path_of(name, "steps", home) == expected, name
    assert packages.path_of("beside", "home.steps", home) is None
    found = packages.path_of("numpy.linalg", "numpy.core", home)
    assert found is not None
    assert found.parts[-3:] == ("numpy", "linalg", "__init__.py")


READS = '''
import safetensors
import safetensors.torch as st
from safetensors.torch import load_file as load
from pathlib import Path
from flowrun import step

HERE = "a.safetensors"

@step(outputs=())
def one(*, file: str = HERE, ctx):
    """Read files in many ways."""
    import h5py
    from polars import read_csv
    st.load_file(HERE)
    load(HERE)
    h5py.File(HERE)
    read_csv(HERE)
    safetensors.torch.save_file({}, HERE)
    st.load_file(file)
    path = Path(file) / "x"
    st.load_file(path)
    st.load_file(ctx.reads(Path(HERE)))
    with open(file) as stream, ctx.reads(Path(HERE)) as declared:
        st.load_file(declared)
        load(stream)
    for part in [file]:
        load(part)
    [load(inner) for inner in [path]]
    if (named := path):
        load(named)
    typed: Path = path
    load(typed)
    other = Path(HERE)
    load(other)
    print(HERE), HERE.lower()
'''


def test_a_reader_that_is_not_seen_is_named_unless_its_path_is_declared() -> None:
    from flowrun.store.unseen_readers import undeclared_reads

    Path("steps.py").write_text(READS)
    plan = flowrun.plan({"recipe": "r", "plugins": ["./steps.py"], "steps": ["one"]})
    lines = READS.splitlines()
    found = [
        (one.reader, lines[one.line - 1].strip()) for one in undeclared_reads(plan.steps[0].step)
    ]
    assert found == [
        ("safetensors.torch.load_file", "st.load_file(HERE)"),
        ("safetensors.torch.load_file", "load(HERE)"),
        ("h5py.File", "h5py.File(HERE)"),
        ("polars.read_csv", "read_csv(HERE)"),
        ("safetensors.torch.load_file", "load(other)"),
    ]
    (first, *_) = undeclared_reads(plan.steps[0].step)
    assert first.file == str(Path.cwd() / "steps.py")
    assert first.message == (
        "the file that `safetensors.torch.load_file` reads is not seen, so a change of it is not "
        "noticed"
    )
