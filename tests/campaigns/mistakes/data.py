"""Mistakes in data: files, addresses and data sets, met before a recipe runs or meanwhile."""

import json
import pickle
import struct

from tests.campaigns.mistakes.mistake import STEP_FAILED, Mistake

_SMALL = "a,b,score\n1,2,3\n4,5,6\n7,8,9\n"


class _Harmful:
    """What a pickle of this would do when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("open('was_run', 'w').close()",))


def _cut_safetensors() -> bytes:
    header = {"data": {"dtype": "F32", "shape": [4, 3], "data_offsets": [0, 48]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(20)


def _load(source: str, *more: str) -> str:
    lines = ["recipe: demo", "steps:", f"  - load: {{source: {source}}}"]
    return "\n".join([*lines, *(f"  {line}" for line in more)]) + "\n"


MISTAKES = (
    Mistake(
        title="A data file that is not there",
        recipe=_load("data/vine.csv"),
        files={"data/wine.csv": _SMALL},
        says=(
            "recipe.yaml:3:20: the step `load` fails",
            "there is no file ~/project/data/vine.csv",
            "did you mean `data/wine.csv`?",
        ),
    ),
    Mistake(
        title="A misspelt data set",
        recipe=_load("wine-rde"),
        says=("no data set `wine-rde`", "wine-red, wine-white", "did you mean `wine-red`?"),
    ),
    Mistake(
        title="A word in a column of numbers",
        recipe=_load("wine.csv"),
        files={"wine.csv": "alcohol;score\n9.4;5\n9.8;good\n"},
        says=("wine.csv, line 3, column 2 (score): `good` is not a finite number",),
    ),
    Mistake(
        title="An empty cell",
        recipe=_load("wine.csv"),
        files={"wine.csv": "alcohol;score\n9.4;5\n;6\n"},
        says=("wine.csv, line 3, column 1 (alcohol): the cell is empty",),
    ),
    Mistake(
        title="A cell that is not a number but nan",
        recipe=_load("wine.csv"),
        files={"wine.csv": "alcohol;score\n9.4;5\nnan;6\n"},
        says=("wine.csv, line 3, column 1 (alcohol): `nan` is not a finite number",),
    ),
    Mistake(
        title="Decimal commas in a table",
        recipe=_load("wine.csv"),
        files={"wine.csv": "alcohol;score\n9,4;5\n9,8;6\n"},
        says=("wine.csv, line 2, column 1 (alcohol): `9,4`", "decimals need a point"),
    ),
    Mistake(
        title="Rows of different lengths",
        recipe=_load("wine.csv"),
        files={"wine.csv": "a;b;c\n1;2;3\n4;5\n"},
        says=("wine.csv, line 3: 2 cells, but the first line has 3",),
    ),
    Mistake(
        title="An empty table",
        recipe=_load("wine.csv"),
        files={"wine.csv": ""},
        says=("wine.csv is empty", "the step `load` fails"),
    ),
    Mistake(
        title="A table of names and no rows",
        recipe=_load("wine.csv"),
        files={"wine.csv": "alcohol;score\n"},
        says=("wine.csv has a line of names and no rows below it",),
    ),
    Mistake(
        title="A file of pickled objects",
        recipe=_load("model.pt"),
        files={"model.pt": pickle.dumps(_Harmful(), protocol=2)},
        code=STEP_FAILED,
        says=("model.pt cannot be read as tensors", "weights_only", "save tensors, not objects"),
    ),
    Mistake(
        title="A tensor file cut short",
        recipe=_load("wine.safetensors"),
        files={"wine.safetensors": _cut_safetensors()},
        code=STEP_FAILED,
        says=("wine.safetensors is not a whole safetensors file",),
    ),
    Mistake(
        title="A file of an unknown kind",
        recipe=_load("wine.xlsx"),
        files={"wine.xlsx": b"PK"},
        says=("wine.xlsx: no format for files named *.xlsx", ".csv, ", ".safetensors"),
    ),
    Mistake(
        title="A file without a suffix",
        recipe=_load("wine"),
        files={"wine": _SMALL},
        says=("~/project/wine: ", "no suffix", ".csv, "),
    ),
    Mistake(
        title="An http address",
        recipe=_load("http://data.example/wine.csv"),
        says=("http://data.example/wine.csv: only https addresses are fetched",),
    ),
    Mistake(
        title="An https address without its checksum",
        recipe=_load("https://data.example/wine.csv"),
        says=("https://data.example/wine.csv: ", "needs its `sha256`", "sha256sum"),
    ),
    Mistake(
        title="A changed copy in FLOWRUN_DATA_PATH",
        recipe=_load("wine-red"),
        files={"mine/winequality-red.csv": _SMALL},
        environment={"FLOWRUN_DATA_PATH": "mine"},
        says=(
            "mine/winequality-red.csv is not the file it should be",
            "4a402cf041b025d4566d954c3b9ba8635a3a8a01e039005d97d6a710278cf05e",
            "replace the file",
        ),
    ),
    Mistake(
        title="`--no-standin` where the data is not available",
        recipe=_load("wine-red"),
        arguments=("recipe.yaml", "--no-standin"),
        says=(
            "the data set `wine-red` is not available",
            "FLOWRUN_DATA_PATH is not set",
            "FLOWRUN_OFFLINE is set",
            "put winequality-red.csv into a folder",
        ),
    ),
    Mistake(
        title="A saved folder loaded without `values`",
        recipe=_load("trained"),
        files={"trained/values.json": '{"tensors": "t.safetensors", "values": {"steps": 10}}'}
        | {"trained/t.safetensors": struct.pack("<Q", 2) + b"{}"},
        says=("trained holds no `data`", "it holds: steps", "`values: [steps]`"),
    ),
    Mistake(
        title="A folder in which nothing was saved",
        recipe=_load("tables"),
        files={"tables/wine.csv": _SMALL},
        says=("tables has no saved values", "a `save` step makes them"),
    ),
    Mistake(
        title="Saving to a place where a file stands",
        recipe=_load("wine.csv", "- save: {to: result, values: [data]}"),
        files={"wine.csv": _SMALL, "result": "a file\n"},
        code=STEP_FAILED,
        says=("recipe.yaml:4:5: ", "~/project/result is a file", "another folder in `to:`"),
    ),
    Mistake(
        title="Saving a value that is neither tensor nor JSON",
        recipe="""
            recipe: demo
            plugins: [./words.py]
            steps:
              - unique_words: {text: to be or not to be}
              - save: {to: out, values: [words]}
        """,
        files={
            "words.py": """
                from flowrun import step


                @step(outputs="words")
                def unique_words(*, text: str) -> set[str]:
                    return set(text.split())
            """
        },
        code=STEP_FAILED,
        says=("recipe.yaml:5:5: ", "`words` is a set", "save cannot keep", "a list"),
    ),
)
