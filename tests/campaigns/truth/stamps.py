"""Files that change without looking changed: sizes, times and names stay as they were."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_FILES = {"steps.py": measuring("open('a.txt').read()"), "a.txt": "1", "b.txt": "2"}
_OLD = "os.utime('a.txt', (5, 5))\nos.utime('b.txt', (5, 5))\n"
_HELPER = {
    "steps.py": measuring("helper.level()", "import helper"),
    "helper.py": "def level():\n    return 1\n",
}
_BACK = (
    "was = os.stat('{0}')\nchange('{0}', '1', '2')\n"
    "os.utime('{0}', ns=(was.st_atime_ns, was.st_mtime_ns))"
)


def _case(name: str, edit: str, made: str = _OLD, settles: bool = True, **files: str) -> Case:
    given = {f"{one}.py": text for one, text in files.items()} or _FILES
    return Case(
        kind="stamps", name=name, files={**_FILES, **given}, made=made, edit=edit, settles=settles
    )


CASES = [
    _case("cp -p", "subprocess.run(['cp', '-p', 'b.txt', 'a.txt'], check=True)"),
    _case("touch -r", "write('a.txt', '2')\nsubprocess.run(['touch', '-r', 'b.txt', 'a.txt'])"),
    _case("the time put back", _BACK.format("a.txt")),
    _case("the time put back at once", _BACK.format("a.txt"), settles=False),
    _case(
        "tar x",
        "subprocess.run(['tar', 'xf', 'a.tar'], check=True)",
        "os.rename('a.txt', 'c')\nos.rename('b.txt', 'a.txt')\nos.utime('a.txt', (5, 5))\n"
        "subprocess.run(['tar', 'cf', 'a.tar', 'a.txt'], check=True)\nos.rename('c', 'a.txt')\n"
        "os.utime('a.txt', (5, 5))",
    ),
    _case("renamed over", "os.replace('b.txt', 'a.txt')"),
    _case("a link redirected", "os.remove('a.txt')\nos.symlink('b.txt', 'a.txt')",
          _OLD + "os.rename('a.txt', 'c.txt')\nos.symlink('c.txt', 'a.txt')"),
    _case("a hard link to another file", "os.remove('a.txt')\nos.link('b.txt', 'a.txt')"),
    _case("what a link names is written", "change('c.txt', '1', '2')",
          "os.rename('a.txt', 'c.txt')\nos.symlink('c.txt', 'a.txt')"),
    Case(
        kind="stamps", name="a folder's link redirected", settles=True,
        files={"steps.py": measuring("open('d/a.txt').read()"), "e/a.txt": "1", "f/a.txt": "2"},
        made="if N == 1:\n    os.symlink('e', 'd')", edit="os.remove('d')\nos.symlink('f', 'd')",
    ),
    Case(kind="stamps", name="a helper with its time put back", files=_HELPER, settles=True,
         edit=_BACK.format("helper.py")),
    Case(kind="stamps", name="a file of steps with its time put back", settles=True,
         files={"steps.py": measuring("10")}, edit=_BACK.format("steps.py").replace("1", "10", 1)
         .replace("'1', '2'", "'10', '20'")),
    Case(kind="stamps", name="a listed file with the folder's time put back", settles=True,
         files={"steps.py": measuring("sorted(os.listdir('d'))", "import os"), "d/a": ""},
         edit="was = os.stat('d')\nwrite('d/b', '')\n"
         "os.utime('d', ns=(was.st_atime_ns, was.st_mtime_ns))"),
]  # fmt: skip
