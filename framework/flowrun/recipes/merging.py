"""How the value of a key of a recipe is merged with that of the recipe that it extends."""

from __future__ import annotations

from msgspec.structs import replace

from flowrun.recipes.reading import Entry, Mapping, Scalar, Sequence


def merged(parent: Entry, child: Entry) -> Entry:
    """Two mappings joined, and the mappings in them; any other value of the child's is whole."""
    if not (isinstance(parent.value, Mapping) and isinstance(child.value, Mapping)):
        return child
    entries = dict(parent.value.entries)
    for name, entry in child.value:
        entries[name] = merged(entries[name], entry) if name in entries else entry
    return replace(child, value=Mapping(child.value.mark, entries))


def expected(parent: Entry, child: Entry) -> Entry:
    """What two recipes expect: all checks of a value are the child's, and null removes them."""
    if not (isinstance(parent.value, Mapping) and isinstance(child.value, Mapping)):
        return child
    entries = {**parent.value.entries, **child.value.entries}
    for name in parent.value.entries.keys() & child.value.entries.keys():
        value = child.value.entries[name].value
        if isinstance(value, Scalar) and value.value is None:
            del entries[name]
    return replace(child, value=Mapping(child.value.mark, entries))


def joined(parent: Entry, child: Entry) -> Entry:
    """Two lists joined, the parent's items first; each item keeps its own file's folder."""
    if not (isinstance(parent.value, Sequence) and isinstance(child.value, Sequence)):
        return child
    items = (*parent.value.items, *child.value.items)
    return replace(child, value=Sequence(child.value.mark, items))
