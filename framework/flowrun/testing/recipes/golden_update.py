"""Golden values created and updated: the changes, and by how much."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from flowrun.errors import FlowrunError, shown_path
from flowrun.expectations.golden.comparing import Golden
from flowrun.expectations.golden.files import (
    GOLDEN,
    Document,
    GoldenError,
    GoldenFile,
    Group,
    golden_path,
)
from flowrun.expectations.golden.leaves import as_text, is_in_file, leaves, portable
from flowrun.planning.plan import Plan
from flowrun.store.home import home_folder, require_no_link
from flowrun.store.structures import NotKeepableError
from flowrun.values.codecs import Codecs
from flowrun.values.digests import parts_digest, value_digest
from flowrun.values.files import UnsafeFileError, place_to_write, real_path

_EXACT = {"rtol": 0.0, "atol": 0.0}


def update_golden(plan: Plan, group: str, value: Any, kind: str) -> str:
    """Create or update the golden value of one expectation; returns the change in words.

    kind: of the device that computed the value. Golden values that the recipe does not ask for
    are removed. Raises FlowrunError if the value has no form on disk, or nothing can be written.
    """
    recipe = plan.recipe
    path = golden_path(recipe)
    if path is None:
        raise FlowrunError("a recipe that is in no file has no golden values")
    values = Codecs(plan.registry.codecs, recipe.dtype)
    with FileLock(_lock(path)):
        file = GoldenFile(path, values)
        change = _change(file, Golden(recipe, kind, values), group, value)
        if change is None:
            return f"{shown_path(path)}: `{group}` is unchanged"
        wanted = [one.path.text for one in plan.expectations.values if GOLDEN in one.checks]
        try:
            _write(file, wanted, group, value, kind, values, recipe.name)
        except (NotKeepableError, OSError) as error:
            raise FlowrunError(f"`{group}` cannot be golden: {error}") from error
    return f"{shown_path(path)}: `{group}` {change}"


def _change(file: GoldenFile, golden: Golden, group: str, value: Any) -> str | None:
    """How the golden value will change; None if it stays the same to the last bit."""
    try:
        is_there = group in file.read().values
    except GoldenError:
        is_there = False
    if not is_there:
        return "is made"
    difference = golden.difference(group, value, _EXACT, is_meant=True)
    return None if difference is None else "is renewed, new against old:\n" + difference


def _write(
    file: GoldenFile,
    wanted: Iterable[str],
    group: str,
    value: Any,
    kind: str,
    values: Codecs,
    recipe: str,
) -> None:
    """Write the files with this value, and those of the other groups as they are."""
    groups: dict[str, Group] = {}
    in_files: dict[str, Any] = {}
    try:
        before = file.read()
    except GoldenError:
        before = Document(recipe, {})
    for name in wanted:
        if name == group:
            groups[name] = _made(name, value, kind, values, in_files)
        elif name in before.values:
            golden = before.values[name]
            try:
                for path in golden.digests:
                    in_files[f"{name}/{path}"] = file.leaf(before, name, path)
            except GoldenError:
                continue  # it cannot be read, and so not be written again
            groups[name] = golden
    file.write(Document(recipe, groups), in_files)


def _made(name: str, value: Any, kind: str, values: Codecs, in_files: dict[str, Any]) -> Group:
    """The group of a value; its leaves that go into files are added to `in_files`."""
    made = Group(kind, {})
    for path, leaf in leaves(value, values, name):
        made.leaves[path] = as_text(leaf, values)
        if is_in_file(made.leaves[path]):
            written = portable(leaf, values)
            digest = value_digest(written, values)
            if digest is None:
                raise NotKeepableError(f"{path} has no digest")
            made.digests[path] = digest
            in_files[f"{name}/{path}"] = written
    return made


def _lock(path: Path) -> Path:
    """The lock file of a golden file, in another folder, so that it is not committed."""
    folder = home_folder()
    require_no_link(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / f"golden-{parts_digest(str(real_path(path)))[:16]}.lock"
    try:
        return place_to_write(lock)
    except UnsafeFileError as error:
        raise FlowrunError(f"{shown_path(lock)} is no lock: {error}") from None
