"""`flowrun test` in a folder from elsewhere: what of it pytest runs, reads and writes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import MARKER, World

CODE = f"open({MARKER!r} + __name__, 'w')\n"
RECIPE = "recipe: plain\nplugins: [./steps.py]\nsteps: [give]\nexpect: {a: {equals: 1}}\n"
STEPS = "from flowrun import step\n\n@step(outputs='a')\ndef give() -> int:\n    return 1\n"
INI = "[pytest]\naddopts = -p evil\npythonpath = .\n"
TOML = "[tool.pytest.ini_options]\naddopts = ['-p', 'evil']\npythonpath = ['.']\n"
# Files from which pytest would run code.
RUNNING: dict[str, dict[str, str]] = {
    "a conftest.py": {"conftest.py": CODE},
    "a conftest.py that raises": {"conftest.py": f"{CODE}raise SystemExit(0)\n"},
    "a conftest.py that names plugins": {
        "conftest.py": f"{CODE}pytest_plugins = ['evil']\n", "evil.py": CODE,
    },
    "a conftest.py in a folder below": {"tests/conftest.py": CODE, "tests/r.yaml": RECIPE.replace(
        "./steps", "../steps")},
    "a conftest.py that is a link": {"code.py": CODE, "conftest.py": "-> code.py"},
    "a pytest.ini": {"pytest.ini": INI, "evil.py": CODE},
    "a .pytest.ini": {".pytest.ini": INI, "evil.py": CODE},
    "a pytest.toml": {"pytest.toml": TOML.replace("tool.pytest.ini_options", "pytest"),
                      "evil.py": CODE},
    "a pyproject.toml": {"pyproject.toml": TOML, "evil.py": CODE},
    "a tox.ini": {"tox.ini": INI, "evil.py": CODE},
    "a setup.cfg": {"setup.cfg": INI.replace("[pytest]", "[tool:pytest]"), "evil.py": CODE},
    "a pytest.ini that has a folder made anew": {"pytest.ini": "[pytest]\naddopts = --basetemp=.."},
    "a pytest.ini that has a file written": {
        "pytest.ini": "[pytest]\naddopts = --junitxml=../thesis.txt",
    },
    "a pytest.ini with a cache elsewhere": {"pytest.ini": "[pytest]\ncache_dir = ../notes"},
}  # fmt: skip
# Files that pytest, or Python, might run, and that no option is needed for.
IDLE: dict[str, dict[str, str]] = {
    "an __init__.py": {"__init__.py": CODE},
    "a package with a recipe": {"pkg/__init__.py": CODE, "pkg/r.yaml": RECIPE.replace(
        "./steps", "../steps")},
    "a Python test": {"test_evil.py": CODE},
    "a setup.py": {"setup.py": CODE},
    "a sitecustomize.py": {"sitecustomize.py": CODE, "usercustomize.py": CODE},
    "modules with the names of libraries": {
        f"{name}.py": CODE for name in ("yaml", "pluggy", "json", "torch", "xdist", "flowrun",
                                        "pytest", "_pytest", "click", "pytest_cov", "py")
    },
    "a pyproject.toml of other tools": {"pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
    "a file .env": {".env": "PYTEST_ADDOPTS=-p evil\nPYTHONPATH=.\n", "evil.py": CODE},
    "a .pth file": {"evil.pth": f"import os; {CODE}"},
    "a flowrun.toml": {"flowrun.toml": "plugins = ['./evil.py']\n", ".flowrun/config": CODE,
                       "evil.py": CODE},
    "settings of an editor": {".vscode/settings.json": "{}", ".vscode/tasks.json": "{"},
    "a cache that is a link": {".pytest_cache": "-> ../notes"},
    "a cache with a link in it": {".pytest_cache/v": "-> ../../notes"},
    "a cache with a link to a file": {".pytest_cache/v/cache/nodeids": "-> ../../../../thesis.txt"},
    "a cache with failures by a link": {
        ".pytest_cache/v/cache/lastfailed": "-> ../../../../thesis.txt",
    },
    "a cache with a link to itself": {".pytest_cache": "-> .pytest_cache"},
    "a cache with steps by a link": {
        ".pytest_cache/v/cache/stepwise": "-> ../../../../thesis.txt",
    },
    "a cache that is a file": {".pytest_cache": "no folder"},
    "a cache that is nonsense": {".pytest_cache/v/cache/lastfailed": "[[["},
}  # fmt: skip
NOTE = "note: pytest (runs|heeds) .*`--no-conftest` leaves"
MET = "1 passed|2 passed"


def _written(files: dict[str, str]) -> Any:
    """Writes files of the project; `-> x` is a link to x."""

    def prepare(world: World) -> None:
        world.write("steps.py", STEPS)
        world.write("r.yaml", RECIPE)
        for name, content in files.items():
            if content.startswith("-> "):
                world.link(name, content[3:])
            else:
                world.write(name, content)

    return prepare


def _pipe(world: World) -> None:
    _written({})(world)
    world.fifo(".pytest_cache/v/cache/lastfailed")


def _attempt(name: str, files: dict[str, str], *command: str, **more: Any) -> Attempt:
    usual = {"prepare": _written(files), "commands": [["test", *command]], "codes": (0,)}
    # `python -m` itself would import modules of the folder, as the command `flowrun` does not.
    start = 'PYTHONSAFEPATH=1 "$@"' if "flowrun.py" in files else ""
    settings = {**usual, "start": start, **more}
    return Attempt(group="conftests", name=name, says=[MET], **settings)


def _attempts(options: Sequence[str], files: dict[str, dict[str, str]]) -> list[Attempt]:
    said = f"{' '.join(options)}: " if options else ""
    return [
        _attempt(f"{said}{name}", one, *options, never=[NOTE] if options else ["note: pytest runs"])
        for name, one in files.items()
    ]


ATTEMPTS = [
    *_attempts(["--no-conftest"], RUNNING),
    *_attempts(["--no-conftest"], IDLE),
    *_attempts([], IDLE),
    _attempt("a cache with a pipe in it", {}, prepare=_pipe),
    _attempt("a cache with a pipe in it, the failures first", {}, "--lf", prepare=_pipe),
    _attempt("a conftest.py above the folder of the recipe",
             {"conftest.py": CODE, "deep/r.yaml": RECIPE.replace("./steps", "../steps")},
             "--no-conftest", "deep"),
]  # fmt: skip
