"""What counts as looked at and as written: libraries, servers, folders of the system and of caches.

pandas, polars and h5py are asked for if they are installed.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import flowrun
from tests.conftest import Flowrun
from tests.core.running.test_observed import is_kept, recipe_of

Write = Callable[[str, str], Path]
Make = Callable[[int], None]


def _arrow(number: int) -> None:
    import pyarrow.feather

    pyarrow.feather.write_feather(pyarrow.table({"x": [number]}), "data")


def _text(number: int) -> None:
    Path("data").write_text(f"x\n{number}\n")


def _hdf5(number: int) -> None:
    import h5py

    with h5py.File("data", "w") as file:
        file["x"] = [number]


def _safetensors(number: int) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"x": torch.tensor([number])}, "data")


SEEN: dict[str, tuple[Make, str]] = {"pandas": (_text, "int(pandas.read_csv({file}).x[0])")}
UNSEEN: dict[str, tuple[Make, str]] = {
    "safetensors.torch": (_safetensors, "int(safetensors.torch.load_file({file})['x'])"),
    "pyarrow.feather": (_arrow, "pyarrow.feather.read_table({file})['x'][0].as_py()"),
    "polars": (_text, "int(polars.scan_csv({file}).collect()['x'][0])"),
    "h5py": (_hdf5, "int(h5py.File({file})['x'][0])"),
}


def reading(write: Write, module: str, expression: str, file: str = "'data'") -> Path:
    """A recipe of one step that reads the file `data` by a library."""
    code = f"@step(outputs='x')\ndef go(*, ctx):\n    import {module}\n    return {expression}\n"
    return recipe_of(write, code.replace("{file}", file))


@pytest.mark.parametrize("module", SEEN)
def test_what_a_library_opens_in_python_is_seen(write: Write, module: str) -> None:
    pytest.importorskip(module)
    make, expression = SEEN[module]
    path = reading(write, module, expression)
    make(1)
    assert (is_kept(path), is_kept(path)) == (False, True)
    make(2)
    assert flowrun.run(path).values["x"] == 2


@pytest.mark.parametrize("module", UNSEEN)
def test_what_a_library_opens_itself_is_seen_if_it_is_declared(write: Write, module: str) -> None:
    pytest.importorskip(module)
    make, expression = UNSEEN[module]
    path = reading(write, module, expression)
    make(1)
    assert flowrun.run(path).values["x"] == 1
    make(2)
    assert is_kept(path)
    path = reading(write, module, expression, "str(ctx.reads(ctx.path('data')))")
    assert flowrun.run(path).values["x"] == 2
    make(3)
    assert flowrun.run(path).values["x"] == 3


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that counts its answers."""
    answers = iter(range(100))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(next(answers)).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("declares", [False, True])
def test_a_step_that_asks_a_server_is_warned_of_unless_it_declares(
    write: Write, server: str, declares: bool
) -> None:
    declared = "    ctx.reads(ctx.path('a.txt'))\n" if declares else ""
    write("a.txt", "1")
    path = recipe_of(
        write,
        f"from urllib.request import urlopen\n@step(outputs='x')\ndef go(*, ctx):\n{declared}"
        f"    return urlopen({server!r}).read().decode()\n",
    )
    warnings = [
        "it opens connections: the files these read are not seen, declare them with ctx.reads"
    ]
    for _ in range(2):  # of the step that ran, and of the one that is kept
        result = flowrun.run(path)
        assert result.values["x"] == "0", "what a server gives is not seen"
        assert result.record["warnings"] == ([] if declares else warnings)
        assert result.record["steps"][0]["unseen"] == ["opens connections"]


def test_files_of_python_packages_the_system_flowrun_and_the_step_are_left_out(
    write: Write,
) -> None:
    code = (
        "import os, pluggy\n@step(outputs='x', effect=True)\ndef go():\n"
        "    open('out.txt', 'w').write('1')\n"
        "    for name in (os.__file__, pluggy.__file__, '/proc/self/stat', 'out.txt',\n"
        "                 '.flowrun/store/records.sqlite'):\n"
        "        if os.path.exists(name):\n            open(name, 'rb').read()\n    return 1\n"
    )
    path = recipe_of(write, code)
    (step,) = flowrun.run(path).record["steps"]
    assert step["files_read"] == {}
    assert list(step["looked_at"]) == ["cwd:"]
    assert is_kept(path)


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A folder that is not among the temporary ones."""
    if not Path("/var/tmp").is_dir():
        pytest.skip("there is no /var/tmp")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "XDG_STATE_HOME", "NO_SUCH_FOLDER"])
def test_files_in_cache_and_state_folders_do_not_count(
    write: Write, flowrun: Flowrun, elsewhere: Path, variable: str
) -> None:
    counted = f"{elsewhere}/a"
    path = recipe_of(
        write, f"@step(outputs='x')\ndef go():\n    open({counted!r}, 'w').write('1')\n    return 1"
    )
    done = flowrun(path, "--json", fresh=True, **{variable: str(elsewhere)})
    (step,) = json.loads(done.stdout)["steps"]
    assert list(step["files_written"]) == ([counted] if variable == "NO_SUCH_FOLDER" else [])


def test_a_recipe_in_a_cache_folder_has_the_files_there_counted(
    write: Write, flowrun: Flowrun, tmp_path: Path
) -> None:
    path = recipe_of(
        write, "@step(outputs='x')\ndef go():\n    open('a', 'w').write('1')\n    return 1"
    )
    done = flowrun(path, "--json", fresh=True, XDG_CACHE_HOME=str(tmp_path))
    (step,) = json.loads(done.stdout)["steps"]
    assert list(step["files_written"]) == [str(tmp_path / "a")]


def test_a_database_that_another_process_writes_to_is_read_again(tmp_path: Path) -> None:
    database = tmp_path / "a.db"
    (tmp_path / "steps.py").write_text(
        "import sqlite3\nfrom flowrun import step\n\n@step(outputs='count')\n"
        f"def count():\n    with sqlite3.connect({str(database)!r}) as found:\n"
        "        return found.execute('select count(*) from t').fetchone()[0]\n"
    )
    path = tmp_path / "r.yaml"
    path.write_text("recipe: r\nplugins: [./steps.py]\nsteps: [count]\n")
    with sqlite3.connect(database) as writer:  # as that process would: its log holds what it wrote
        writer.execute("pragma journal_mode = wal")
        writer.execute("create table t (x)")
        writer.commit()
        assert flowrun.run(path).values["count"] == 0
        writer.execute("insert into t values (1)")
        writer.commit()
        assert flowrun.run(path).values["count"] == 1
    writer.close()
