"""Paths in unusual ways: times of folders, links, numbers of open folders, metadata, libraries."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, Variables, measuring

_TOP = (
    "import filecmp, glob, os, sys, tempfile\nfrom importlib import metadata\n"
    "from pathlib import Path\nimport numpy"
)
_GIVEN = {"d/a.txt": "1", "e/b.txt": "1", "a.txt": "1"}
_TOUCHED = "os.utime('d', (5, 5))"
_OLD = "os.utime('e', (9, 9))"
_OF_A = "write('a.txt', '2')"
_OF_D = "write('d/a.txt', '2')"
_LIB: Variables = ({"PYTHONPATH": "lib"}, {"PYTHONPATH": "lib"})


def _case(name: str, expression: str, edit: str, made: str = "") -> Case:
    files = {**_GIVEN, "steps.py": measuring(expression, _TOP)}
    return Case(kind="paths", name=name, files=files, edit=edit, made=made)


def _metadata(name: str, expression: str, edit: str) -> Case:
    files = {
        "lib/foo-1.0.dist-info/METADATA": "Name: foo\nVersion: 1.0\n",
        "lib/foo-1.0.dist-info/entry_points.txt": "[group]\na = foo:x\n",
        "steps.py": measuring(expression, _TOP),
    }
    return Case(kind="paths", name=name, files=files, edit=edit, variables=_LIB)


_TIMES = [
    ("the newest folder, by getmtime", "max(glob.glob('[de]'), key=os.path.getmtime)",
     _TOUCHED, _OLD),
    ("the newest folder, by pathlib",
     "max((Path(p) for p in 'de'), key=lambda p: p.stat().st_mtime).name", _TOUCHED,
     _OLD),
    ("the newest folder, by scandir",
     "max((e.stat().st_mtime, e.name) for e in os.scandir('.') if e.name in 'de')[1]",
     _TOUCHED, _OLD),
    ("the time of an open file",
     "with open('a.txt') as f:\n    return os.fstat(f.fileno()).st_mtime",
     "os.utime('a.txt', (5, 5))"),
    ("the size of an open file",
     "with open('a.txt') as f:\n    return os.fstat(f.fileno()).st_size",
     "write('a.txt', '22')"),
    ("filecmp", "filecmp.cmp('a.txt', 'd/a.txt')",
     "os.utime('a.txt', (5, 5))\nos.utime('d/a.txt', (5, 5))",
     "os.utime('a.txt', (3, 3))\nwrite('d/a.txt', '2')"),
]  # fmt: skip

_ASKED = [
    ("exists, called by numpy", "numpy.vectorize(os.path.exists)(['b']).tolist()",
     "write('b', '')"),
    ("getsize, called by numpy", "numpy.vectorize(os.path.getsize)(['a.txt']).tolist()",
     "write('a.txt', '22')"),
    ("a folder where a file is opened",
     "try:\n    return open('conf').read()\nexcept OSError:\n    return 'none'",
     "os.rmdir('conf')\nwrite('conf', '2')", "os.mkdir('conf')"),
    ("a folder whose name ends like those of packages",
     "open('my-packages/a.txt').read()", "write('my-packages/a.txt', '2')",
     "write('my-packages/a.txt', '1')"),
    ("os.open in a folder by its number",
     "f = os.open('d', os.O_RDONLY)\n"
     "return os.read(os.open('a.txt', os.O_RDONLY, dir_fd=f), 9).decode()", _OF_D),
    ("os.stat in a folder by its number",
     "sum(os.stat(n, dir_fd=f).st_size for _, _, names, f in os.fwalk('d') for n in names)",
     "write('d/a.txt', '22')"),
    ("os.access in a folder by its number",
     "os.access('b.txt', os.R_OK, dir_fd=os.open('d', os.O_RDONLY))", "write('d/b.txt', '')"),
    ("pathlib, lstat", "Path('a.txt').lstat().st_size",
     "os.rename('a.txt', 'c')\nos.symlink('./././c', 'a.txt')"),
    ("a link in place of a folder, by os.walk", "sorted(map(str, os.walk('.')))",
     "os.rename('d', 'c')\nos.symlink('c', 'd')"),
]  # fmt: skip

_LINKS = [
    ("a link to a file, made by the step",
     "with tempfile.TemporaryDirectory() as d:\n    os.symlink(os.path.abspath('a.txt'), d + '/x')"
     "\n    return open(d + '/x').read()", _OF_A),
    ("a link to a folder, made by the step",
     "with tempfile.TemporaryDirectory() as d:\n    os.symlink(os.path.abspath('d'), d + '/x')\n"
     "    return open(d + '/x/a.txt').read()", _OF_D),
    ("a link to a listed folder, made by the step",
     "with tempfile.TemporaryDirectory() as d:\n    os.symlink(os.path.abspath('d'), d + '/x')\n"
     "    return sorted(os.listdir(d + '/x'))", "write('d/b.txt', '')"),
    ("a renamed link, made by the step",
     "with tempfile.TemporaryDirectory() as d:\n    os.symlink(os.path.abspath('a.txt'), d + '/x')"
     "\n    os.rename(d + '/x', d + '/y')\n    return open(d + '/y').read()", _OF_A),
    ("the folder above that of a link", "open('c/../a.txt').read()", _OF_D,
     "os.path.lexists('c') or (os.mkdir('d/e'), os.symlink('d/e', 'c'))"),
]  # fmt: skip

CASES = [
    *(_case(*one) for one in (*_TIMES, *_ASKED, *_LINKS)),
    Case(
        kind="paths", name="a hard link, made by the step", edit=_OF_A,
        needless="the link changes the time of change of the file",
        files={**_GIVEN, "steps.py": measuring(
            "with tempfile.TemporaryDirectory(dir='.') as d:\n    os.link('a.txt', d + '/x')\n"
            "    return open(d + '/x').read()", _TOP)},
    ),
    _metadata("the version of a distribution", "metadata.version('foo')",
              "os.rename('lib/foo-1.0.dist-info', 'lib/foo-2.0.dist-info')\n"
              "change('lib/foo-2.0.dist-info/METADATA', '1.0', '2.0')"),
    _metadata("entry points", "[one.name for one in metadata.entry_points(group='group')]",
              "change('lib/foo-1.0.dist-info/entry_points.txt', 'a =', 'b =')"),
    Case(
        kind="paths", name="ctx.reads of a folder with a link to another",
        made="write('e/a.txt', str(N))\nos.makedirs('d', exist_ok=True)\n"
        "os.path.lexists('d/link') or os.symlink('../e', 'd/link')",
        files={"steps.py": measuring(
            "folder = ctx.reads(ctx.path('d'))\n"
            "return subprocess.run(['cat', folder / 'link/a.txt'], capture_output=True)"
            ".stdout.decode()", "import subprocess", "*, ctx")},
    ),
    Case(
        kind="paths", name="a helper in a folder whose name ends like those of packages",
        files={"my-packages/helper.py": "K = 1\n",
               "steps.py": measuring("helper.K", "import sys\nsys.path.insert(0, 'my-packages')\n"
                                     "import helper")},
        edit="write('my-packages/helper.py', 'K = 2\\n')",
    ),
    Case(
        kind="paths", name="a database that SQLite attaches",
        made="import sqlite3\nPath('a.db').unlink(True)\nc = sqlite3.connect('a.db')\n"
        "c.execute(f'create table t as select {N} as x')\nc.commit()\nc.close()",
        files={"steps.py": measuring(
            "c = sqlite3.connect(':memory:')\nc.execute(\"attach 'a.db' as a\")\n"
            "return c.execute('select x from a.t').fetchall()", "import sqlite3")},
        unseen="SQLite opens it itself",
    ),
]  # fmt: skip
