"""Files whose content changes, by every reader of Python and of common libraries."""

from __future__ import annotations

from tests.campaigns.truth.case import Case, measuring

_TEXT = "write('a.txt', str(N))"
_RECIPE = "recipe: r\nplugins: [./steps.py]\nsteps:\n  - measure: {file: a.safetensors}\n"
_TENSORS = (
    "import torch, safetensors.torch as s\ns.save_file({'t': torch.tensor(N)}, 'a.safetensors')"
)
_SHARED = "import numpy\nnumpy.full(4, N).tofile('a.bin')"


def _read(name: str, made: str, expression: str, top: str = "") -> Case:
    steps = measuring(expression, top)
    return Case(kind="readers", name=name, files={"steps.py": steps}, made=made)


_READERS = [
    # what, how the file is made, how it is read
    ("open", _TEXT, "open('a.txt').read()"),
    ("open, bytes", _TEXT, "open('a.txt', 'rb').read().decode()"),
    ("open to read and write", _TEXT, "open('a.txt', 'r+').read()"),
    ("lines", _TEXT, "[line for line in open('a.txt')]"),
    ("io.open", _TEXT, "io.open('a.txt').read()", "import io"),
    ("io.FileIO", _TEXT, "io.FileIO('a.txt').read().decode()", "import io"),
    ("os.open", _TEXT, "os.read(os.open('a.txt', os.O_RDONLY), 9).decode()", "import os"),
    ("os.open in a folder by its number", _TEXT,
     "os.read(os.open('a.txt', os.O_RDONLY, dir_fd=os.open('.', os.O_RDONLY)), 9).decode()",
     "import os"),
    ("pathlib, text", _TEXT, "Path('a.txt').read_text()", "from pathlib import Path"),
    ("pathlib, bytes", _TEXT, "Path('a.txt').read_bytes().decode()", "from pathlib import Path"),
    ("pathlib, open", _TEXT, "Path('a.txt').open().read()", "from pathlib import Path"),
    ("a path from the recipe's folder", _TEXT, "(Path(__file__).parent / 'a.txt').read_text()",
     "from pathlib import Path"),
    ("codecs", _TEXT, "codecs.open('a.txt', encoding='utf-8').read()", "import codecs"),
    ("fileinput", _TEXT, "list(fileinput.input('a.txt'))", "import fileinput"),
    ("linecache", _TEXT, "linecache.checkcache(); return linecache.getline('a.txt', 1)",
     "import linecache"),
    ("mmap", _TEXT, "with open('a.txt') as file:\n"
     "    return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)[:].decode()", "import mmap"),
    ("glob and open", _TEXT, "[open(one).read() for one in glob.glob('*.txt')]", "import glob"),
    ("json", "write('a.json', json.dumps([N]))", "json.load(open('a.json'))", "import json"),
    ("pickle", "import pickle\nPath('a.p').write_bytes(pickle.dumps(N))",
     "pickle.load(open('a.p', 'rb'))", "import pickle"),
    ("marshal", "import marshal\nPath('a.m').write_bytes(marshal.dumps(N))",
     "marshal.load(open('a.m', 'rb'))", "import marshal"),
    ("csv", "write('a.csv', f'x\\n{N}\\n')", "list(csv.reader(open('a.csv')))", "import csv"),
    ("configparser", "write('a.ini', f'[s]\\nx={N}\\n')",
     "c = configparser.ConfigParser(); c.read('a.ini'); return c['s']['x']", "import configparser"),
    ("tomllib", "write('a.toml', f'x = {N}')", "tomllib.load(open('a.toml', 'rb'))",
     "import tomllib"),
    ("yaml", "write('a.yaml', f'x: {N}')", "yaml.safe_load(open('a.yaml'))", "import yaml"),
    ("xml", "write('a.xml', f'<a x=\"{N}\"/>')", "ElementTree.parse('a.xml').getroot().get('x')",
     "from xml.etree import ElementTree"),
    ("plistlib", "import plistlib\nPath('a.p').write_bytes(plistlib.dumps([N]))",
     "plistlib.load(open('a.p', 'rb'))", "import plistlib"),
    ("array", "import array\narray.array('i', [N]).tofile(open('a.b', 'wb'))",
     "a = array.array('i'); a.fromfile(open('a.b', 'rb'), 1); return list(a)", "import array"),
    ("zipfile", "import zipfile\nzipfile.ZipFile('a.zip', 'w').writestr('x', str(N))",
     "zipfile.ZipFile('a.zip').read('x').decode()", "import zipfile"),
    ("tarfile", "import tarfile\nwrite('x', str(N))\nwith tarfile.open('a.tar', 'w') as t:\n"
     "    t.add('x')\nos.remove('x')",
     "tarfile.open('a.tar').extractfile('x').read().decode()", "import tarfile"),
    ("gzip", "import gzip\nPath('a.gz').write_bytes(gzip.compress(b'%d' % N))",
     "gzip.open('a.gz').read().decode()", "import gzip"),
    ("bz2", "import bz2\nPath('a.bz2').write_bytes(bz2.compress(b'%d' % N))",
     "bz2.open('a.bz2').read().decode()", "import bz2"),
    ("lzma", "import lzma\nPath('a.xz').write_bytes(lzma.compress(b'%d' % N))",
     "lzma.open('a.xz').read().decode()", "import lzma"),
    ("shelve", "import dbm.dumb, shelve\nwith shelve.Shelf(dbm.dumb.open('a', 'n')) as s:\n"
     "    s['x'] = N", "shelve.Shelf(dbm.dumb.open('a', 'r'))['x']", "import dbm.dumb, shelve"),
    ("sqlite3", "import sqlite3\nPath('a.db').unlink(True)\nc = sqlite3.connect('a.db')\n"
     "c.execute(f'create table t as select {N} as x')\nc.commit()\nc.close()",
     "sqlite3.connect('a.db').execute('select x from t').fetchall()", "import sqlite3"),
    ("sqlite3, read only", "import sqlite3\nPath('a.db').unlink(True)\n"
     "c = sqlite3.connect('a.db')\nc.execute(f'create table t as select {N} as x')\n"
     "c.commit()\nc.close()",
     "sqlite3.connect('file:a.db?mode=ro', uri=True).execute('select x from t').fetchall()",
     "import sqlite3"),
    ("numpy.load", "import numpy\nnumpy.save('a.npy', [N])", "int(numpy.load('a.npy')[0])",
     "import numpy"),
    ("numpy.load, mapped", "import numpy\nnumpy.save('a.npy', [N])",
     "int(numpy.load('a.npy', mmap_mode='r')[0])", "import numpy"),
    ("numpy.load of npz", "import numpy\nnumpy.savez('a.npz', x=[N])",
     "int(numpy.load('a.npz')['x'][0])", "import numpy"),
    ("numpy.loadtxt", _TEXT, "float(numpy.loadtxt('a.txt'))", "import numpy"),
    ("numpy.genfromtxt", _TEXT, "float(numpy.genfromtxt('a.txt'))", "import numpy"),
    ("numpy.fromfile", _SHARED, "int(numpy.fromfile('a.bin', int)[0])", "import numpy"),
    ("numpy.memmap", _SHARED, "int(numpy.memmap('a.bin', int, 'r')[0])", "import numpy"),
    ("torch.load", "import torch\ntorch.save(torch.tensor(N), 'a.pt')", "int(torch.load('a.pt'))",
     "import torch"),
    ("torch.load, mapped", "import torch\ntorch.save(torch.tensor(N), 'a.pt')",
     "int(torch.load('a.pt', mmap=True))", "import torch"),
    ("copied to a temporary file", _TEXT,
     "with tempfile.TemporaryDirectory() as d:\n    return open(shutil.copy('a.txt', d)).read()",
     "import shutil, tempfile"),
    ("a file below a folder of the step's", "write('d/e/a.txt', str(N))",
     "[p.read_text() for p in sorted(Path('d').rglob('*.txt'))]", "from pathlib import Path"),
    ("read while imported", "write('a.json', json.dumps([N]))", "CONFIG",
     "import json\nCONFIG = json.load(open('a.json'))"),
    ("read when a default is made", _TEXT, "K", "K = int(open('a.txt').read())"),
]  # fmt: skip

CASES = [
    *(_read(*one) for one in _READERS),
    Case(
        kind="readers", name="an option names the file of an unseen reader", made=_TENSORS,
        files={"recipe.yaml": _RECIPE, "steps.py": measuring(
            "int(safetensors.torch.load_file(file)['t'])", "import safetensors.torch",
            "*, file: str")},
    ),
    Case(
        kind="readers", name="ctx.reads names the file of an unseen reader", made=_TENSORS,
        files={"steps.py": measuring(
            "int(safetensors.torch.load_file(ctx.reads(ctx.path('a.safetensors')))['t'])",
            "import safetensors.torch", "*, ctx")},
    ),
    Case(
        kind="readers", name="an unseen reader reads what nobody names", made=_TENSORS,
        files={"steps.py": measuring(
            "int(safetensors.torch.load_file('a.safetensors')['t'])", "import safetensors.torch")},
        unseen="safetensors opens files itself",
    ),
    Case(
        kind="readers", name="ctx.reads of a folder", made="write('d/e/a.txt', str(N))",
        files={"steps.py": measuring(
            "safe = ctx.reads(ctx.path('d'))\n"
            "return subprocess.run(['cat', safe / 'e/a.txt'], capture_output=True).stdout.decode()",
            "import subprocess", "*, ctx")},
    ),
    Case(
        kind="readers", name="ctx.reads of a folder with a new file", made="write(f'd/{N}', 'x')",
        files={"steps.py": measuring(
            "return subprocess.run(['ls', ctx.reads(ctx.path('d'))], capture_output=True)"
            ".stdout.decode()", "import subprocess", "*, ctx")},
    ),
    Case(
        kind="readers", name="the other file of the current folder", folders=("d", "e"),
        files={"steps.py": measuring("open('a.txt').read()"), "d/a.txt": "1", "e/a.txt": "2"},
        edit="pass",
    ),
]  # fmt: skip
