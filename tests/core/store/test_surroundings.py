"""What a step is given by its process: variables that Python reads itself, input, libraries."""

from __future__ import annotations

import json
import mmap
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import flowrun
from tests import processes
from tests.conftest import Flowrun
from tests.core.running.test_observed import Write, is_kept, recipe_of


@pytest.mark.parametrize(
    ("variable", "values", "expression"),
    [
        ("PYTHONHASHSEED", ("1", "2"), "''.join({'a', 'b', 'c', 'd', 'e'})"),
        ("PYTHONIOENCODING", ("latin-1", "utf-8"), "sys.stdout.encoding"),
        ("TZ", ("UTC", "UTC-9"), "datetime.datetime.fromtimestamp(0).isoformat()"),
    ],
)
def test_variables_that_python_reads_itself_belong_to_every_key(
    write: Write, flowrun: Flowrun, variable: str, values: tuple[str, str], expression: str
) -> None:
    path = recipe_of(
        write, f"import datetime, sys\n@step(outputs='x')\ndef go():\n    return {expression}\n"
    )
    found = []
    for value in (*values, *values):
        done = flowrun(path, "--json", fresh=True, **{variable: value})
        (step,) = json.loads(done.stdout)["steps"]
        found.append((step["outputs"]["x"]["value"], step["kept"] is not None))
    first, second = found[:2]
    assert first[0] != second[0]
    assert [first[1], second[1]] == [False, False]
    assert found[2:] == [(first[0], True), (second[0], True)]
    explained = flowrun("explain", path, fresh=True, **{variable: ""})
    assert f"environment variable {variable}" in explained.stdout


@pytest.mark.parametrize(
    ("modes", "expression"),
    [
        (("faulthandler", "dev"), "sys.flags.dev_mode"),
        (("utf8=0", "utf8=1"), "ascii(open('a.txt', errors='replace').read())"),
    ],
)
def test_modes_in_which_python_is_started_belong_to_every_key(
    write: Write, modes: tuple[str, str], expression: str
) -> None:
    path = recipe_of(write, f"import sys\n@step(outputs='x')\ndef go():\n    return {expression}\n")
    write("a.txt", "\xe9")
    found = []
    for mode in (*modes, *modes):
        done = subprocess.run(
            [sys.executable, "-X", mode, "-m", "flowrun", str(path), "--json"],
            env={**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        (step,) = json.loads(done.stdout)["steps"]
        found.append((step["outputs"]["x"]["value"], step["kept"] is not None))
    first, second = found[:2]
    assert first[0] != second[0]
    assert found == [(first[0], False), (second[0], False), (first[0], True), (second[0], True)]


def test_a_step_that_reads_the_standard_input_is_never_kept(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "import sys\nfrom flowrun import step\n\n@step(outputs='x')\ndef go():\n"
        "    return sys.stdin.read()\n"
    )
    path = tmp_path / "r.yaml"
    path.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [go]\n")
    for text in ("1", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-m", "flowrun", str(path), "--json"],
            input=text, cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=True,
        )  # fmt: skip
        record = json.loads(done.stdout)
        assert record["steps"][0]["outputs"]["x"]["value"] == text
        assert "standard input was read" in record["warnings"][0]


def test_the_version_of_an_installed_package_that_a_step_asks_for_counts(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "from importlib import metadata\nfrom flowrun import step\n\n@step(outputs='x')\n"
        "def go():\n    return metadata.version('foo')\n"
    )
    path = tmp_path / "r.yaml"
    path.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [go]\n")
    packages = tmp_path / "site-packages"
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    for version in ("1.0", "2.0"):
        shutil.rmtree(packages, ignore_errors=True)
        folder = packages / f"foo-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Name: foo\nVersion: {version}\n")
        for kept in (False, True):
            done = processes.run(
                ["-m", "flowrun", str(path), "--json"], cwd=tmp_path, env=environment
            )
            (step,) = json.loads(done.stdout)["steps"]
            assert step["outputs"]["x"]["value"] == version
            assert (step["kept"] is not None) == kept


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells of mappings")
def test_a_file_that_is_written_through_memory_is_read_each_time(write: Write) -> None:
    path = recipe_of(write, "@step(outputs='x')\ndef go():\n    return open('a.txt').read()\n")
    with write("a.txt", "1").open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:1] = b"2"
        time.sleep(1.1)  # the file's stamp settles, and need not change with the next write
        assert (is_kept(path), is_kept(path)) == (False, True)
        mapped[0:1] = b"3"
        assert flowrun.run(path).values["x"] == "3"


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")
def test_a_library_that_ctypes_loads_counts_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "steps.py").write_text(
        "import ctypes\nfrom flowrun import step\n\n@step(outputs='x')\ndef go():\n"
        f"    return ctypes.CDLL({str(tmp_path / 'f.so')!r}).f()\n"
    )
    path = tmp_path / "r.yaml"
    path.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [go]\n")
    for number in (1, 2):
        (tmp_path / "f.c").write_text(f"int f(void) {{ return {number}; }}\n")
        compiling = ["cc", "-shared", "-fPIC", "-o", "f.so", "f.c"]
        subprocess.run(compiling, cwd=tmp_path, check=True)
        for kept in (False, True):
            done = processes.run(
                ["-m", "flowrun", str(path), "--json"], cwd=tmp_path, env=dict(os.environ)
            )
            (step,) = json.loads(done.stdout)["steps"]
            assert step["outputs"]["x"]["value"] == number
            assert (step["kept"] is not None) == kept
