"""What a step looked at, in words, and the states in which it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowrun.running.dependencies import in_words

SOMEWHERE = "folder/a.csv"


@pytest.mark.parametrize(
    ("what", "state", "words"),
    [
        (f"file:{SOMEWHERE}", "digest", f"file {SOMEWHERE} is gone"),
        ("file:there.csv", "digest", "file there.csv changed"),
        ("file:there.csv", "none", "file there.csv is there now"),
        (f"list:{SOMEWHERE}", "", f"the list of files in {SOMEWHERE} changed"),
        (f"sizes:{SOMEWHERE}", "",
         f"the list of files, with their sizes and times, in {SOMEWHERE} changed"),
        (f"tree:{SOMEWHERE}", "", f"the content of {SOMEWHERE} changed"),
        (f"times:{SOMEWHERE}", "", f"size, time or mode of {SOMEWHERE} changed"),
        (f"stat:{SOMEWHERE}", "there", f"file {SOMEWHERE} changed"),
        (f"stat:{SOMEWHERE}", "none", f"file {SOMEWHERE} is there now"),
        (f"mode:{SOMEWHERE}", "", f"file {SOMEWHERE} changed"),
        (f"link:{SOMEWHERE}", "none", f"file {SOMEWHERE} is there now"),
        ("cwd:", "", "the current folder changed, from which it opened a relative path"),
        ("names:", "", "the names of the environment variables changed"),
        ("item:my_hook:thing", "", "`thing`, given by my_hook, changed"),
        ("path:~/a", "", "path ~/a changed"),
        ("env:HOME", "", "environment variable HOME changed"),
        ("module:torch", "", "package torch changed"),
        ("format:.csv", "", "the code of the format for .csv changed"),
        ("dataset:wine", "", "data set wine changed"),
        ("seed", "", "the seed changed"),
        ("folder of its code:", "", "the folder of its code changed"),
    ],
)  # fmt: skip
def test_what_changed_is_said_in_words(what: str, state: str, words: str) -> None:
    Path("there.csv").write_text("1")
    kind, colon, name = what.partition(":")
    if name in (SOMEWHERE, "there.csv"):
        name = str(Path.cwd() / name)
    assert in_words(f"{kind}{colon}{name}", state) == words
