"""Names of files and variables that are not UTF-8, and objects that have any attribute."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, Variables, measuring


def _case(
    name: str,
    expression: str,
    made: str = "",
    *,
    edit: str = "",
    top: str = "import os",
    variables: Variables = ({}, {}),
    differs: bool = True,
) -> Case:
    return Case(
        kind="odd names",
        name=name,
        files={"steps.py": measuring(expression, top)},
        made=made,
        edit=edit,
        variables=variables,
        differs=differs,
    )


_WRITES = r"open(b'a\xff', 'w').write(str(N))"

CASES = [
    _case("a file's content", r"open(b'a\xff').read()", _WRITES),
    _case("a file in a folder", "open(os.path.join(b'd', os.listdir(b'd')[0])).read()",
          r"os.makedirs('d', exist_ok=True); open(b'd/\xff', 'w').write(str(N))"),
    _case("a file that comes", r"os.path.exists(b'a\xff')", edit=r"open(b'a\xff', 'w')"),
    _case("a file that goes", r"os.path.exists(b'a\xff')", r"N == 1 and open(b'a\xff', 'w')",
          edit=r"os.remove(b'a\xff')"),
    _case("one odd name for another", "sorted(map(repr, os.listdir('d')))",
          r"os.makedirs('d', exist_ok=True); open(b'd/\xff', 'w')",
          edit=r"os.rename(b'd/\xff', b'd/\xfe')"),
    _case("a variable's name", r"os.environ.get('A\udcff', 'no')",
          edit="pass", variables=({}, {"A\udcff": "2"})),
    _case("a variable's value", "repr(os.environ['A'])", edit="pass",
          variables=({"A": "\udcff"}, {"A": "\udcfe"})),
    _case("a file that is written", "open(b'b\\xff', 'w').write('1')\nreturn 1",
          edit="pass", differs=False),
    _case("the same file", r"open(b'a\xff').read()", _WRITES, edit="pass", differs=False),
    _case("a mock in the plugin", "open('a').read()", "open('a', 'w').write(str(N))",
          top="from unittest.mock import MagicMock\nFAKE = MagicMock()"),
    _case("an object with any attribute", "open('a').read()", "open('a', 'w').write(str(N))",
          top="class Any:\n    def __getattr__(self, name):\n        return name\nANY = Any()"),
]  # fmt: skip
