"""Edits of files, folders and variables after which the result is the same: nothing is called."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, Variables, measuring

_TOP = "import os, glob, json\nfrom pathlib import Path"
_GIVEN = {"a.txt": "1", "b.txt": "1", "d/a.txt": "1", "d/e/f.txt": "1"}


def _case(name: str, expression: str, edit: str, *, needless: str = "", options: str = "") -> Case:
    files = {**_GIVEN, "steps.py": measuring(expression, _TOP, options)}
    return Case(kind="same", name=name, files=files, edit=edit, differs=False, needless=needless)


def _variable(name: str, expression: str, variables: Variables, top: str = "") -> Case:
    return Case(
        kind="same", name=name, files={"steps.py": measuring(expression, f"{_TOP}\n{top}")},
        variables=variables, edit="pass", differs=False,
    )  # fmt: skip


CASES = [
    _case("a file that nobody reads", "open('a.txt').read()", "write('b.txt', '2')"),
    _case("touch", "open('a.txt').read()", "os.utime('a.txt')"),
    _case("touch of an old time", "open('a.txt').read()", "os.utime('a.txt', (5, 5))"),
    _case("written again", "open('a.txt').read()", "write('a.txt', '1')"),
    _case("copied and put back", "open('a.txt').read()",
          "shutil.copy('a.txt', 'c')\nos.remove('a.txt')\nos.rename('c', 'a.txt')"),
    _case("a link to the same content", "open('a.txt').read()",
          "os.rename('a.txt', 'c')\nos.symlink('c', 'a.txt')"),
    _case("touch of what is asked for", "os.path.exists('a.txt')", "os.utime('a.txt', (5, 5))"),
    _case("another text of what is asked for", "os.path.exists('a.txt')", "write('a.txt', '2')"),
    _case("another file in the folder of one", "open('d/a.txt').read()", "write('d/b.txt', '2')"),
    _case("another content in a listed folder", "sorted(os.listdir('d'))",
          "write('d/a.txt', '22')"),
    _case("another folder than the listed one", "sorted(os.listdir('d'))",
          "write('g/b.txt', '2')"),
    _case("a file below a listed folder", "sorted(os.listdir('d'))", "write('d/e/g.txt', '2')"),
    _case("other content, by os.walk", "sorted(map(str, os.walk('d')))", "write('d/a.txt', '22')"),
    _case("other content, by glob", "sorted(glob.glob('d/*.txt'))", "write('d/a.txt', '22')"),
    _case("another suffix than that of the glob", "sorted(glob.glob('d/*.txt'))",
          "write('d/b.csv', '2')", needless="a listing has the names of all files"),
    _case("a cache of compiled modules", "sorted(n for n in os.listdir('d') if n[0] != '_')",
          "write('d/__pycache__/a.pyc', '')"),
    Case(
        kind="same", name="a temporary file of its own", differs=False, edit="write('c', '')",
        files={"steps.py": measuring(
            "with tempfile.TemporaryDirectory() as d:\n    p = Path(d, 'a'); p.write_text('1')\n"
            "    return p.read_text()", f"{_TOP}\nimport tempfile")},
    ),
    _case("an option that names no file", "1", "write('c.txt', '2')", options="*, a: str = 'c'"),
    _case("ctx.reads of a folder, touched", "len(list(ctx.reads(ctx.path('d')).rglob('*')))",
          "os.utime('d/a.txt', (5, 5))", options="*, ctx"),
    _case("ctx.reads of a folder, another one", "len(list(ctx.reads(ctx.path('d')).rglob('*')))",
          "write('g/a.txt', '2')", options="*, ctx"),
    _case("the recipe's comment", "1", "change('recipe.yaml', 'recipe: r', '# r\\nrecipe: r')"),
    _case("the recipe's formatting", "1", "change('recipe.yaml', '  - measure', '- measure: {}')"),
    _case("another file of the recipe's folder", "1", "write('notes.md', 'x')"),
    _case("another module of the recipe's folder", "1", "write('other.py', 'x = 1')"),
    _case("a default that is given", "k", "change('recipe.yaml', '- measure', '- measure: {k: 3}')",
          options="*, k: int = 3"),
    _variable("a variable that nobody reads", "1", ({}, {"LEVEL": "2"})),
    _variable("another variable", "os.getenv('LEVEL')",
              ({"LEVEL": "1", "OTHER": "1"}, {"LEVEL": "1", "OTHER": "2"})),
    _variable("a variable at import that nobody reads", "LEVEL",
              ({"LEVEL": "1"}, {"LEVEL": "1", "OTHER": "2"}), "LEVEL = os.environ['LEVEL']"),
    _variable("the terminal's variables", "os.getenv('LEVEL')",
              ({"COLUMNS": "80"}, {"COLUMNS": "90"})),
    _variable("torch's own variables", "float(torch.ones(3).sum())",
              ({}, {"TORCH_SHOW_CPP_STACKTRACES": "1"}), "import torch"),
    Case(
        kind="same", name="another current folder", folders=("d", "."), edit="pass", differs=False,
        files={**_GIVEN, "steps.py": measuring("1")},
    ),
    Case(
        kind="same", name="another current folder, and a path from the recipe's", differs=False,
        folders=("d", "."), edit="pass",
        files={**_GIVEN, "steps.py": measuring("ctx.path('a.txt').read_text()", "", "*, ctx")},
    ),
    Case(
        kind="same", name="a file that another step reads", differs=False,
        files={"recipe.yaml": "recipe: r\nplugins: [./steps.py]\nsteps:\n  - other\n  - measure\n",
               "a.txt": "1", "b.txt": "1", "steps.py": measuring("open('a.txt').read()")
               + "\n\n@step(outputs='x')\ndef other() -> str:\n    '''Other.'''\n"
               "    return open('b.txt').read()\n"},
        edit="write('b.txt', '2')", needless="the other step reads it, and its value is unused",
    ),
]  # fmt: skip
