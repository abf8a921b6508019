"""The file formats, data sets and models that a recipe's options name, as code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from flowrun import Dataset, Format, Found, Plan, locate
from flowrun_tensors.exporting.layout import Code, Group, call, lines, literal, quoted
from flowrun_tensors.extending import Model

_FIELDS = ("name", "about", "url", "filename", "sha256", "licence", "citation", "columns")


@dataclass(slots=True)
class Data:
    """What a recipe has of plugins beside steps.

    formats: those whose suffix an option has, with the suffixes they are asked by. datasets: those
    that an option names, and the files found for them. models: those that an option names.
    """

    formats: dict[Format, tuple[str, ...]] = field(default_factory=dict)
    datasets: dict[str, tuple[Dataset, Found]] = field(default_factory=dict)
    models: list[Model] = field(default_factory=list)


def data_of(plan: Plan) -> Data:
    """The formats, data sets and models that the options of a plan name; raises DataError."""
    data = Data()
    texts = {text for step in plan.steps for text in _texts(step.options)}
    data.models = [
        model
        for name, model in plan.registry.items("flowrun_tensors_models").items()
        if name in texts
    ]
    known = plan.registry.datasets
    for name in sorted(texts & known.keys()):
        data.datasets[name] = (known[name], locate(known[name]))
        texts.add(known[name].filename)
        texts.add(data.datasets[name][1].path.name)
    formats = plan.registry.formats
    for suffix in sorted(_suffix(text) for text in texts):
        if suffix in formats:
            chosen = formats[suffix]
            data.formats[chosen] = tuple(one for one in formats if formats[one] is chosen)
    return data


def _texts(value: Any) -> Iterator[str]:
    """Every string in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _texts(item)


def _suffix(text: str) -> str:
    return PurePath(text.partition("?")[0]).suffix.lower()


def file_lines(data: Data) -> list[str]:
    """A constant for the file of each data set, with a comment that says what it is."""
    made = []
    for name, (dataset, found) in data.datasets.items():
        if found.kind == "stand-in":
            made += [
                f"# A SIMULATED STAND-IN FOR {name}, NOT THE REAL DATA. To have that, write its",
                f"# path here, or name the folder of {dataset.filename} in FLOWRUN_DATA_PATH.",
            ]
        else:
            made.append(f"# The data set {name} ({dataset.licence}), checked against its sha256.")
        made.append(f"{file_constant(name)} = Path({quoted(str(found.path.absolute()))})")
    return made


def file_constant(dataset: str) -> str:
    """The name of the constant that holds a data set's file."""
    return re.sub(r"\W", "_", dataset).upper() + "_FILE"


def dataset_lines(data: Data) -> list[str]:
    """The table of data sets by name."""
    items = []
    for name, (dataset, _) in data.datasets.items():
        fields: dict[str, Code] = {key: literal(getattr(dataset, key)) for key in _FIELDS}
        if dataset.standin is not None:
            fields["standin"] = literal(str(Path(dataset.standin).absolute()))
        fields["file"] = file_constant(name)
        items.append((f"{quoted(name)}: ", call("Dataset", [], fields)))
    return lines(Group("{", tuple(items), "}"), before="DATASETS = ") if items else []


def model_lines(data: Data, functions: dict[Any, str]) -> list[str]:
    """The table of models by name; a script trains them by autograd, without their own gradient."""
    items = []
    for model in data.models:
        given = [quoted(model.name), functions[model.init], functions[model.forward]]
        items.append((f"{quoted(model.name)}: ", call("Model", given, {})))
    return lines(Group("{", tuple(items), "}"), before="MODELS = ") if items else []


def format_lines(data: Data, functions: dict[Any, str]) -> list[str]:
    """The table of formats by suffix; `functions` gives the names of their functions."""
    items = []
    for chosen, suffixes in data.formats.items():
        named: dict[str, Code] = {}
        if chosen.write is not None:
            named["write"] = functions[chosen.write]
        if chosen.settings:
            named["settings"] = literal(chosen.settings)
        positional = [quoted(chosen.name), literal(suffixes), functions[chosen.read]]
        items.append(("", call("Format", positional, named)))
    if not items:
        return []
    closing = ",)" if len(items) == 1 else ")"
    kinds = lines(Group("(", tuple(items), closing), 4, "for kind in ")
    return ["FORMATS = {", "    suffix: kind", *kinds, "    for suffix in kind.suffixes", "}"]
