"""Data files that claim more than they have, or have more than anyone saves."""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Callable
from dataclasses import replace

from tests.campaigns.hostile import data_files as made
from tests.campaigns.hostile.attempt import Attempt
from tests.campaigns.hostile.world import MARKER, World

Content = bytes | str | Callable[[], bytes | str]  # made late if it is large
_FAILS = (2, 3)
_BAD_ADVICE = (
    "set_int_max_str_digits",
    "allow_pickle=True",
    "max_header_size",
    "weights_only=False",
)
_RECIPE = "recipe: r\nsteps:\n  - load: {{source: {}{}}}\n"


def _reading(
    name: str,
    file: str,
    content: Content,
    says: str,
    *,
    value: str = "data",
    codes: tuple[int, ...] = _FAILS,
) -> Attempt:
    """Check a recipe that loads a file, and run it. says: what either must answer."""

    def prepare(world: World) -> None:
        world.write(file, content() if callable(content) else content)
        world.write("out/t.safetensors", made.safetensors_file({"t": made.entry()}))
        values = "" if value == "data" else f", values: [{value}]"
        world.write("r.yaml", _RECIPE.format(file.partition("/")[0], values))

    return Attempt(
        group="data bounds",
        name=f"{file}: {name}",
        prepare=prepare,
        commands=[["check", "r.yaml"], ["r.yaml"]],
        codes=codes,
        says=[f"(?s)(?:{says}).*(?:{says})"],
        never=_BAD_ADVICE,
        seconds=30.0 if "old-style" in name else 10.0,  # as docs/security.md says
    )


def _shared_lists() -> bytes:
    """Lists that each hold the one below ten times: 10^30 values."""
    return b"]" + b"".join(b"q\x00](" + b"h\x00" * 10 + b"e" for _ in range(30))


_CALL = b"cos\nsystem\n(" + made.pickled_text(f"touch {MARKER}") + b"tR"
_TENSOR = made.pickled_tensor
_PT: list[tuple[str, Content, str]] = [
    ("strides of zero show 10^12 elements of one", made.pt_file(_TENSOR([10**12], [0])),
     "4,000,000,000,000|3,999,999,999,996"),
    ("equal strides show 10^12 elements of two million",
     lambda: made.pt_file(_TENSOR([10**6, 10**6], [1, 1], elements=2 * 10**6), bytes(8 * 10**6)),
     "more than it holds, by strides"),
    ("a storage claims 10^12 elements", made.pt_file(_TENSOR([1], [1], elements=10**12)),
     "cannot be read as tensors"),
    ("a storage claims two elements, and has one", made.pt_file(_TENSOR([2], [1], elements=2)),
     "its tensors need 8 bytes, and it has 4|cannot be read as tensors"),
    ("a size below zero", made.pt_file(_TENSOR([-5], [1])), "cannot be read as tensors"),
    ("a stride below zero", made.pt_file(_TENSOR([2], [-1])), "has the strides|cannot be read"),
    ("strides that lead before the storage", made.pt_file(_TENSOR([10**6], [-10**6])),
     "has the strides|cannot be read as tensors"),
    ("a size that overflows", made.pt_file(_TENSOR([2**40, 2**40], [1, 1])),
     "cannot be read as tensors|unknown from here"),
    ("an offset beyond the storage", made.pt_file(_TENSOR([1], [1], offset=10**9)),
     "cannot be read as tensors"),
    ("nested tuples, 100,000 deep", made.pt_file(b")" + b"\x85" * 100_000), "nested more than 200"),
    ("lists that hold one list many times", made.pt_file(_shared_lists()),
     "more than 1,000,000 values"),
    ("a list that holds itself", made.pt_file(b"]q\x00h\x00a"), "nested more than 200"),
    ("a number of 100,000 digits",
     made.pt_file(made.pickled_dict("a", made.pickled_int(1 << 330_000))),
     "cannot be read as tensors"),
    ("five million values beside the tensors",
     lambda: made.pt_file(b"](" + b"N" * 5_000_000 + b"e"),
     "more than 2 MiB beside"),
    ("compressed", lambda: made.pt_file(b"](" + b"N" * 10**6 + b"e", pack=zipfile.ZIP_DEFLATED),
     "its members are compressed"),
    ("30,000 members", lambda: made.pt_file(_TENSOR([1], [1]), more=30_000),
     "30,004 tensors, and 20,000"),
    ("encrypted", made.pt_file(_TENSOR([1], [1]), flags=made.ENCRYPTED), "is encrypted"),
    ("cut in the middle", made.pt_file(_TENSOR([1], [1]))[:-100], "cannot be read as tensors"),
    ("a pickle that calls a command", made.pt_file(_CALL), "may run code"),
    ("an old-style file that calls a command", made.old_pt_file(_CALL, 1), "may run code"),
    ("an old-style file that claims 10^12 elements",
     made.old_pt_file(made.old_pickled_tensor(10**12), 10**12), "cannot be read as tensors"),
    ("an old-style file with five million values",
     lambda: made.old_pt_file(b"](" + b"N" * 5_000_000 + b"e", 1),
     "more than 2 MiB beside"),
    ("10^15 bytes from a call",
     made.pt_file(b"c__builtin__\nbytearray\n(" + made.pickled_int(10**15) + b"tR"),
     "cannot be read as tensors"),
]  # fmt: skip


def _npz(content: bytes, *, name: str = "a.npy", flags: int = 0, mode: int = 0) -> bytes:
    return made.zip_file({name: content}, flags=flags, mode=mode)


def _packed(content: bytes, count: int = 0) -> bytes:
    """An archive with a packed member: this content, and zeros below it."""
    whole = content + bytes(count)
    return made.zip_file({"a.npy": whole}, pack=zipfile.ZIP_DEFLATED)


_ARRAY = made.npy_file()
_NUMPY: list[tuple[str, str, Content, str]] = [
    ("t.npy", "claims 10^12 elements", made.npy_file("(1000000000000,)"), "expected 8000000000000"),
    ("t.npy", "claims 10^30 elements", made.npy_file(f"({10**30},)"), "arrays of numbers"),
    ("t.npy", "holds objects", made.npy_file(dtype="'|O'", data=b"\x80\x02" + _CALL + b"."),
     "may run code"),
    ("t.npy", "a negative extent", made.npy_file("(-1,)"), "negative"),
    ("t.npy", "no rows of 10^30 columns", made.npy_file(f"(0, {10**30})", b""),
     "arrays of numbers"),
    ("t.npy", "a number of 1 GB", made.npy_file(dtype="'|V1000000000'"), "arrays of numbers"),
    ("t.npy", "a header with a call",
     made.npy_file(f"(__import__('os').system('touch {MARKER}'),)"), "arrays of numbers"),
    ("t.npy", "a header of a thousand brackets", made.npy_file("(" * 4000), "arrays of numbers"),
    ("t.npy", "a pickle", b"\x80\x02" + _CALL + b".", "arrays of numbers"),
    ("t.npz", "300 MB of zeros in 300 kB",
     lambda: _packed(made.npy_file(f"({300 * 2**17},)", b""), 300 * 2**20), "unpack to"),
    ("t.npz", "a member claims 10^12 elements", _npz(made.npy_file("(1000000000000,)")),
     "expected 8000000000000"),
    ("t.npz", "a member holds objects", _npz(made.npy_file(dtype="'|O'")), "may run code"),
    ("t.npz", "a member with a header of 100 MB",
     lambda: _packed(made.npy_begin(10**8, 2), 10**8), "100,000,000 bytes"),
    ("t.npz", "30,000 names",
     lambda: made.zip_file({f"a{i}.npy": b"" for i in range(30_000)}),
     "30,000 tensors, and 20,000"),
    ("t.npz", "encrypted", _npz(_ARRAY, flags=made.ENCRYPTED), "is encrypted"),
    ("t.npz", "a link", _npz(b"../../thesis.txt", mode=0o120777), "is not an array"),
    ("t.npz", "an unknown way of packing", made.directory_altered(_npz(_ARRAY), 10, b"\x61\x00"),
     "arrays of numbers"),
    ("t.npz", "a size in the directory that is a lie",
     made.directory_altered(_npz(_ARRAY), 24, b"\xff\xff\xff\x7f"), "unpack to"),
    ("t.npz", "sizes for zip64 that are not there",
     made.directory_altered(_npz(_ARRAY), 20, b"\xff" * 8), "arrays of numbers"),
    ("t.npz", "a member beyond the end", made.directory_altered(_npz(_ARRAY), 42, b"\xff" * 4),
     "arrays of numbers"),
    ("t.npz", "a packed member that is cut",
     made.directory_altered(_packed(bytes(range(256)) * 9), 20,
                            b"\x10\x00\x00\x00"), "arrays of numbers"),
    ("t.npz", "a name that leads out", _npz(b"x", name="../../thesis.txt"), "is not an array"),
]  # fmt: skip
_SAFETENSORS: list[tuple[str, Content, str]] = [
    ("a header of 2^63 bytes", made.safetensors_file({}, claimed=2**63 - 1), "not a whole"),
    ("30,000 names",
     lambda: made.safetensors_file({f"w{i}": made.entry(8 * i, 8 * i + 8) for i in range(30_000)},
                           bytes(240_000)), "30,000 tensors, and 20,000"),
    ("a header of 17 MB", lambda: made.safetensors_file({"a": made.entry(), "b": " " * 17_000_000}),
     "and 16,777,216 is the most"),
    ("one name twice", made.safetensors_file(
        '{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},'
        '"a":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}', bytes(16)), "not a whole"),
    ("offsets that overlap",
     made.safetensors_file({"a": made.entry(), "b": made.entry(4, 12)}, bytes(12)), "not a whole"),
    ("offsets backwards", made.safetensors_file({"a": made.entry(8, 0)}), "not a whole"),
    ("10^12 elements in 8 bytes", made.safetensors_file({"a": made.entry(shape=(10**12,))}),
     "not a whole"),
    ("10^12 elements beyond the end",
     made.safetensors_file({"a": made.entry(0, 8 * 10**12, (10**12,))}), "not a whole"),
    ("a size that overflows", made.safetensors_file({"a": made.entry(shape=(2**40, 2**40))}),
     "not a whole"),
    ("an unknown dtype", made.safetensors_file({"a": made.entry(dtype="F99")}), "not a whole"),
    ("100,000 brackets", made.safetensors_file("[" * 100_000), "not a whole"),
    ("a list", made.safetensors_file([]), "not a whole"),
]  # fmt: skip


def _wide(columns: int) -> str:
    row = ",".join(["1.5"] * columns)
    return ",".join(f"gene{number}" for number in range(columns)) + f"\n{row}\n{row}\n"


_TEXT: list[tuple[str, Content, str]] = [
    ("101,000 columns", lambda: _wide(101_000), "101,000 columns, and 100,000 is the most"),
    ("a quote that never closes", 'a,b\n"' + "1,2\n" * 100_000, "more than 131,072 characters"),
    ("a cell of 200,000 characters", "a,b\n1," + "x" * 200_000 + "\n", "more than 131,072"),
    ("NUL bytes", b"a,b\n1,\0\n", "a NUL character"),
    ("UTF-16", "a,b\n1,2\n".encode("utf-16") * 10, "not UTF-8 text, but UTF-16"),
    (
        "a byte that is no UTF-8, in a line of 20 MB",
        b"a," * 10**7 + b"\xff",
        "more than 16,777,216",
    ),
    (
        "100,000 digits",
        f"a,b\n1,{'7' * 100_000}\n",
        r"`7{100}\.\.\.` is not a finite|finite number",
    ),
    (
        "100,000 digits in base 16",
        f"a,b\n1,0x{'f' * 100_000}\n",
        r"`0xf{98}\.\.\.` is not a finite",
    ),
    ("1e999999", "a,b\n1,1e999999\n", "not a finite number"),
    ("a name of 100,000 characters", f"a,{'n' * 100_000}\n1,x\n", r"\(n{100}\.\.\.\)"),
    ("10 million empty lines above", lambda: "\n" * 10**7 + "a,b\n1,2\n", "the first 10,000 lines"),
    ("11,000 comments above", "# x\n" * 11_000 + "a,b\n1,2\n", "the first 10,000 lines"),
]  # fmt: skip
_SPARSE: list[tuple[str, str, bytes, int, bytes, str]] = [  # the beginning, the size, the end
    ("t.csv", "a line of 1 GB", b"a,b\n", 2**30, b"", "more than 16,777,216"),
    ("t.csv", "a first line of 1 GB", b"a", 2**30, b"", "more than 16,777,216"),
    ("t.npy", "a header of 268 MB", made.npy_begin(2**28, 2), 2**28 + 99, b"", "268,435,456 bytes"),
    ("t.npz", "a directory of 268 MB", b"PK\x03\x04", 2**28 + 99,
     b"PK\x05\x06" + bytes(8) + (2**28).to_bytes(4, "little") + bytes(6), "more than 16 MiB"),
    ("t.safetensors", "a header of 90 MB", (9 * 10**7).to_bytes(8, "little") + b"{", 10**8, b"",
     "90,000,000 bytes"),
]  # fmt: skip


def _sparse(file: str, name: str, begin: bytes, size: int, end: bytes, says: str) -> Attempt:
    attempt = _reading(name, file, begin, says)

    def prepare(world: World) -> None:
        attempt.prepare(world)
        made.write_sparse(world.project / file, begin, size, end)

    return replace(attempt, prepare=prepare)


_LOADS = [
    _reading("20,000 columns", "t.csv", lambda: _wide(20_000), r"\(2, 20000\)", codes=(0,)),
    _reading("a million empty lines below", "t.csv", "a,b\n1,2\n" + "\n" * 10**6 + "3,4\n",
             r"\(2, 2\)", codes=(0,)),
]  # fmt: skip


_T = '{"tensors": "t.safetensors", "values": {"a": %s}}'
_INDICES: list[tuple[str, Content, str]] = [
    (
        "100,000 lists in one another",
        _T % ("[" * 100_000 + "]" * 100_000),
        "as `save` writes|nested",
    ),
    ("300 lists in one another", _T % ("[" * 300 + "]" * 300), "nested more than 200 deep"),
    ("a number of 10,001 digits", _T % ("7" * 10_001), "a whole number of 10,001 digits"),
    ("40 MB", lambda: _T % ('"' + "x" * 40_000_000 + '"'), "more than 32 MiB"),
    (
        "two million values",
        lambda: _T % ("[" + "0," * 2_000_000 + "0]"),
        "more than 1,000,000 values",
    ),
    ("a list", "[]", "as `save` writes"),
    ("null", "null", "as `save` writes"),
    ("a number", "7", "as `save` writes"),
    ("no tensors", '{"values": {}}', "as `save` writes"),
    ("tensors of a number", '{"tensors": 7, "values": {}}', "cannot be read"),
    ("values of a list", '{"tensors": "t.safetensors", "values": []}', "as `save` writes"),
    ("a kind of no name", _T % "{}", "cannot be read"),
    ("two kinds", _T % '{"list": [], "dict": {}}', "cannot be read"),
    ("a tensor that is not there", _T % '{"tensor": "u"}', "cannot be read"),
    ("a tensor of a list", _T % '{"tensor": []}', "cannot be read"),
    ("a list of null", _T % '{"list": null}', "cannot be read"),
    ("a dict of a list", _T % '{"dict": []}', "cannot be read"),
    ("no JSON", "{", "cannot be read"),
    ("no text", "\0" * 100, "cannot be read"),
]


def _each_opcode(world: World) -> None:
    """A `.pt` file for each opcode of pickle, with what it would need, more or less, before it."""
    for number, opcode in enumerate(pickletools.opcodes):
        arguments = b"\x01\x00\x00\x00\x00\x00\x00\x00\n\n"
        code = b"](h\x00" + b"}" + opcode.code.encode("latin-1") + arguments
        world.write(f"t{number}.pt", made.pt_file(code))
        world.write(f"r{number}.yaml", _RECIPE.format(f"t{number}.pt", ""))


_OPCODES = Attempt(
    group="data bounds",
    name="t.pt: each opcode of pickle",
    prepare=_each_opcode,
    commands=[["check", *(f"r{number}.yaml" for number in range(len(pickletools.opcodes)))]],
    codes=_FAILS,
    says=["cannot be read as tensors"],
    never=_BAD_ADVICE,
)

_VALUES = [
    ("nothing", ""), ("an empty object", "{}"), ("a list", "[]"), ("null", "null"),
    ("100,000 lists in one another", "[" * 100_000),
    ("a number of 10,001 digits", '{"digest": ' + "7" * 10_001 + "}"),
    ("a digest that is a number", '{"digest": 7, "files": {}, "value": 7}'),
    ("files that are a text", '{"digest": "x", "files": "x", "value": 7}'),
    ("a file that is a number", '{"digest": "x", "files": {"torch.Tensor": 7}, "value": 7}'),
    ("two kinds", '{"digest": "x", "files": {}, "value": {"list": [], "dict": []}}'),
    ("a dict of odd pairs", '{"digest": "x", "files": {}, "value": {"dict": [[1]]}}'),
    ("a list as a key", '{"digest": "x", "files": {}, "value": {"dict": [[{"list": []}, 1]]}}'),
    ("half a number", '{"digest": "x", "files": {}, "value": {"nan": "ff"}}'),
    ("300 lists", '{"digest": "x", "files": {}, "value": ' + '{"list": [' * 300 + "]}" * 300 + "}"),
    ("another value", '{"digest": "x", "files": {}, "value": 999}'),
]  # fmt: skip
_CHAIN = "recipe: r\nsteps:\n  - tensor: {a: [1.5, 2]}\n    cache: true\n  - compute: {b: a * 2}\n"


def _in_store(name: str, text: str) -> Attempt:
    """A value of the user's own store is replaced by this text, and a changed step asks for it."""

    def prepare(world: World) -> None:
        world.write("r.yaml", _CHAIN)
        world.flowrun("r.yaml")
        paths = list((world.project / ".flowrun/store/objects").glob("*.json"))
        assert paths
        for path in paths:
            path.write_text(text)

    return Attempt(
        group="data bounds",
        name=f"a value in the store: {name}",
        prepare=prepare,
        commands=[["r.yaml", "--set", "compute.b=a * 3"]],
        codes=(0,),
        says=[r"b \(2,\) \[4.5, 6\]"],
        never=[r"\b999\b"],
    )


ATTEMPTS = [
    *(_in_store(*one) for one in _VALUES),
    *(_reading(name, "t.pt", content, says, value="a") for name, content, says in _PT),
    *(_reading(name, file, content, says) for file, name, content, says in _NUMPY),
    *(_reading(name, "t.safetensors", content, says) for name, content, says in _SAFETENSORS),
    *(_reading(name, "t.csv", content, says) for name, content, says in _TEXT),
    *(_sparse(*one) for one in _SPARSE),
    *_LOADS,
    *(_reading(name, "out/values.json", index, says, value="a") for name, index, says in _INDICES),
    _OPCODES,
]  # fmt: skip
