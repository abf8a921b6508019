"""Code in what is not trusted: recipes, settings, expressions, data, golden files, records."""

from __future__ import annotations

import functools
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import MARKER, World

COMMAND = f"touch {MARKER}"
HEAD = "recipe: r\nsteps:\n  - tensor: {a: [1.5, 2]}\n"
CODE = f"open('{MARKER}', 'w')\n"
TAGS = ("python/object/apply:os.system", "python/object/new:os.system", "python/name:os.system")
EXPRESSIONS = (
    f'__import__("os").system("{COMMAND}")',
    f'eval("open(\\"{MARKER}\\", \\"w\\")")',
    "a.__class__.__mro__[1].__subclasses__()",
    f'a.tofile("{MARKER}")',
    f'torch.save(a, "{MARKER}")',
    f'torch.load("{MARKER}.pt")',
    f'torch.ops.load_library("{MARKER}.so")',
    f'torch._C._jit_set_nvfuser_enabled.__globals__["os"].system("{COMMAND}")',
    f'(lambda: open("{MARKER}", "w"))()',
    f"f\"{{open('{MARKER}', 'w')}}\"",
    f'[x for x in [open("{MARKER}", "w")]]',
    f'a.apply_(lambda x: open("{MARKER}", "w"))',
)


class Trap:
    """An object whose unpickling leaves the marker."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (COMMAND,)


def _objects(kind: str) -> bytes:
    """A data file of a kind with a trap in it."""
    file = io.BytesIO()
    trap = np.array([Trap()], dtype=object)
    if kind == "torch":
        torch.save({"data": Trap()}, file)
    elif kind == "legacy":
        torch.save({"data": Trap()}, file, _use_new_zipfile_serialization=False)
    elif kind == "pickle":
        pickle.dump({"data": Trap()}, file)
    elif kind == "npy":
        np.save(file, trap, allow_pickle=True)
    elif kind == "npz":
        np.savez(file, data=trap)
    else:  # a TorchScript archive holds code
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("a/data.pkl", pickle.dumps(Trap()))
            archive.writestr("a/constants.pkl", pickle.dumps(Trap()))
            archive.writestr("a/code/__torch__.py", CODE)
            archive.writestr("a/version", "3\n")
    return file.getvalue()


def _data(world: World, *, name: str, kind: str) -> None:
    world.write(name, _objects(kind))
    world.write("r.yaml", f"recipe: r\nsteps:\n  - load: {{source: {name}}}\n")


_LOADING = """
import io
import torch
from flowrun import step

@step(outputs="found")
def loaded():
    return torch.load({})
"""


def _as_of_a_check(world: World, *, opened: str) -> None:
    """A file that begins as the buffers do into which `torch.save` writes in a check."""
    marked = b"flowrun shapes\n"
    world.write("t.pt", marked + bytes(32) + pickle.dumps(Trap()))
    world.write("u.pt", marked + pickle.dumps(Trap()))
    for name in ("t.pt", "u.pt"):
        world.write(f"{name[0]}.py", _LOADING.format(opened.format(repr(name))))
        world.write(f"{name[0]}.yaml", f"recipe: r\nplugins: [./{name[0]}.py]\nsteps: [loaded]\n")


def _recipe(world: World, *, text: str = HEAD) -> None:
    world.write("r.yaml", text)
    world.write("code.py", CODE)


def _golden(world: World, *, name: str) -> None:
    _recipe(world, text=f"{HEAD}  - random: {{b: {{randn: [1000]}}}}\nexpect: {{b: golden}}\n")
    world.flowrun("test", "r.yaml", "--update-golden")
    assert (world.project / "golden" / name).is_file()
    world.write(f"golden/{name}", pickle.dumps(Trap()))


def _record(world: World) -> None:
    """A run whose record names a plugin: one of the stranger's."""
    _recipe(world)
    world.flowrun("r.yaml")
    (file,) = world.project.glob(".flowrun/runs/*/run.json")
    record = json.loads(file.read_text())
    record["plugins"] = [*record.get("plugins", []), {"name": "./code.py", "folder": ""}]
    record["resolved"]["plugins"] = ["./code.py"]
    file.write_text(json.dumps(record))


def _attempt(
    name: str, prepare: Callable[[World], object], *commands: list[str], codes: tuple[int, ...]
) -> Attempt:
    return Attempt(group="trust", name=name, prepare=prepare, commands=commands, codes=codes)


def _with_tag(tag: str) -> Callable[[World], object]:
    return functools.partial(_recipe, text=f"{HEAD}about: !!{tag} ['{COMMAND}']\n")


def _with_expression(text: str) -> Callable[[World], object]:
    return functools.partial(_recipe, text=f"{HEAD}  - compute: {{b: {json.dumps(text)}}}\n")


KINDS = {
    "t.pt": "torch", "old.pt": "legacy", "p.pt": "pickle", "script.pt": "script",
    "t.npy": "npy", "t.npz": "npz",
}  # fmt: skip
OPENED = {
    "opened": "open({}, 'rb')", "in memory": "io.BytesIO(open({}, 'rb').read())", "by path": "{}",
}  # fmt: skip
RUN, CHECK = ["r.yaml"], ["check", "r.yaml"]

ATTEMPTS = [
    *(_attempt(f"a recipe has the tag !!{tag}", _with_tag(tag), CHECK, RUN, codes=(2,))
      for tag in TAGS),
    *(_attempt(f"a setting has the tag !!{tag}", _recipe,
               [*RUN, "--set", f"tensor.a=!!{tag} ['{COMMAND}']"], codes=(2,))
      for tag in TAGS),
    *(_attempt(f"the expression {text}", _with_expression(text), CHECK, RUN, codes=(2,))
      for text in EXPRESSIONS),
    *(_attempt(f"objects in {name}", functools.partial(_data, name=name, kind=kind),
               CHECK, RUN, codes=(3,))
      for name, kind in KINDS.items()),
    *(_attempt(f"a pickle is golden/{name}", functools.partial(_golden, name=name),
               ["test", "r.yaml"], RUN, codes=(1,))
      for name in ("r.json", "r.safetensors")),
    *(_attempt(f"a file begins as a buffer of a check, {how}",
               functools.partial(_as_of_a_check, opened=opened),
               ["check", "t.yaml"], ["check", "u.yaml"], ["t.yaml"], ["u.yaml"], codes=(3,))
      for how, opened in OPENED.items()),
    _attempt("a record names a plugin", _record, ["runs"], ["show", "last"],
             ["diff", "last", "last"], ["export", "last", "-o", "s.py"], codes=(2,)),
    _attempt("a recipe extends Python code",
             functools.partial(_recipe, text="recipe: r\nextends: code.py\n"),
             CHECK, RUN, codes=(2,)),
]  # fmt: skip
