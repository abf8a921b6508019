"""What code asks of folders and of paths: names, whether something is there, its kind and size."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_TOP = "import glob, os, pathlib, shutil\nfrom pathlib import Path"
_GIVEN = {"d/a.txt": "1", "d/e/f.txt": "1"}
_NEW = "write('d/b.txt', '2')"
_DEEP = "write('d/e/b.txt', '2')"


def _case(kind: str, name: str, expression: str, edit: str, unseen: str = "") -> Case:
    files = {**_GIVEN, "steps.py": measuring(expression, _TOP)}
    return Case(kind=kind, name=name, files=files, edit=edit, unseen=unseen)


_LISTINGS = [
    # what, the expression, the edit
    ("os.listdir", "sorted(os.listdir('d'))", _NEW),
    ("os.listdir of a folder by its number",
     "sorted(os.listdir(os.open('d', os.O_RDONLY)))", _NEW),
    ("os.listdir of bytes", "sorted(map(str, os.listdir(b'd')))", _NEW),
    ("os.scandir", "sorted(one.name for one in os.scandir('d'))", _NEW),
    ("glob", "sorted(glob.glob('d/*.txt'))", _NEW),
    ("glob, deep", "sorted(glob.glob('d/**/*.txt', recursive=True))", _DEEP),
    ("pathlib, iterdir", "sorted(map(str, Path('d').iterdir()))", _NEW),
    ("pathlib, glob", "sorted(map(str, Path('d').glob('*.txt')))", _NEW),
    ("pathlib, rglob", "sorted(map(str, Path('d').rglob('*.txt')))", _DEEP),
    ("os.walk", "sorted(map(str, os.walk('d')))", _DEEP),
    ("os.fwalk", "sorted(str(one[:3]) for one in os.fwalk('d'))", _DEEP),
    ("a file removed", "sorted(os.listdir('d'))", "os.remove('d/a.txt')"),
    ("a file renamed", "sorted(os.listdir('d'))", "os.rename('d/a.txt', 'd/b.txt')"),
    ("a file in place of a folder", "sorted(e.name for e in os.scandir('d') if e.is_dir())",
     "shutil.rmtree('d/e')\nwrite('d/e', '')"),
    ("os.walk, a file in place of a folder", "sorted(map(str, os.walk('d')))",
     "shutil.rmtree('d/e')\nwrite('d/e', '')"),
    ("sizes by os.scandir", "sum(e.stat().st_size for e in os.scandir('d') if e.is_file())",
     "write('d/a.txt', '22')"),
    ("sizes by iterdir", "sum(p.stat().st_size for p in Path('d').iterdir() if p.is_file())",
     "write('d/a.txt', '22')"),
    ("the folder itself comes", "os.path.isdir('g') and os.listdir('g')", "write('g/a', '')"),
]  # fmt: skip

_ASKED = [
    ("os.path.exists", "os.path.exists('b')", "write('b', '')"),
    ("os.path.exists of a link", "os.path.exists('b')", "os.symlink('d', 'b')"),
    ("os.path.lexists", "os.path.lexists('b')", "os.symlink('nowhere', 'b')"),
    ("os.path.isfile", "os.path.isfile('d/a.txt')", "os.remove('d/a.txt')"),
    ("os.path.isdir", "os.path.isdir('d/e')", "shutil.rmtree('d/e')"),
    ("os.path.islink", "os.path.islink('d/a.txt')",
     "os.rename('d/a.txt', 'b')\nos.symlink('../b', 'd/a.txt')"),
    ("os.path.getsize", "os.path.getsize('d/a.txt')", "write('d/a.txt', '22')"),
    ("os.path.getmtime", "os.path.getmtime('d/a.txt')", "os.utime('d/a.txt', (5, 5))"),
    ("os.stat, its time", "os.stat('d/a.txt').st_mtime", "os.utime('d/a.txt', (5, 5))"),
    ("os.stat, its mode", "os.stat('d/a.txt').st_mode", "os.chmod('d/a.txt', 0o600)"),
    ("os.access", "os.access('b', os.R_OK)", "write('b', '')"),
    ("os.readlink", "os.path.islink('b') and os.readlink('b')", "os.symlink('d', 'b')"),
    ("os.path.realpath", "os.path.basename(os.path.realpath('b'))", "os.symlink('d', 'b')"),
    ("pathlib, exists", "Path('b').exists()", "write('b', '')"),
    ("pathlib, is_file", "Path('b').is_file()", "write('b', '')"),
    ("pathlib, is_dir", "Path('b').is_dir()", "os.mkdir('b')"),
    ("pathlib, is_symlink", "Path('b').is_symlink()", "os.symlink('d', 'b')"),
    ("pathlib, stat", "Path('d/a.txt').stat().st_mtime", "os.utime('d/a.txt', (5, 5))"),
    ("pathlib, resolve", "Path('b').resolve().name", "os.symlink('d', 'b')"),
    ("samefile", "os.path.samefile('d', 'b') if os.path.exists('b') else 'none'",
     "os.symlink('d', 'b')"),
    ("a file that was not there to open",
     "try:\n    return open('b').read()\nexcept FileNotFoundError:\n    return 'none'",
     "write('b', '2')"),
    ("shutil.which", "str(shutil.which('tool', path='.'))",
     "write('tool', '')\nos.chmod('tool', 0o700)"),
    ("a file that goes", "open('d/a.txt').read()", "os.remove('d/a.txt')"),
    ("which of two files there is",
     "open('b' if os.path.exists('b') else 'd/a.txt').read()", "write('b', '2')"),
]  # fmt: skip

CASES = [
    *(_case("listings", *one) for one in _LISTINGS),
    *(_case("existence", *one) for one in _ASKED),
]
