"""What a format's header says of a file is what its `read` gives, and costs next to nothing."""

from __future__ import annotations

import io
import resource
import struct
import tracemalloc
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch._subclasses.fake_tensor import FakeTensorMode

import flowrun
from flowrun import DataError, Format, NeedsDataError
from tests.sampling import examples

MIB = 2**20
in_one_folder = settings(
    max_examples=examples(200, sample=60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@cache
def formats() -> dict[str, Format]:
    """The formats by suffix, as plugins give them."""
    return flowrun.plan({"recipe": "r", "steps": [{"load": {"source": "t.csv"}}]}).registry.formats


def header(path: Path, **given: object) -> dict[str, Any]:
    """What a format's header says of a file, in a check."""
    chosen = formats()[path.suffix]
    assert chosen.header is not None
    with FakeTensorMode():
        return chosen.header(path, **given)


def read(path: Path, **given: object) -> dict[str, Any]:
    return formats()[path.suffix].read(path, **given)


def described(value: Any) -> Any:
    """A value, each tensor in it replaced by all that is known of it without its data."""
    if isinstance(value, torch.Tensor):
        strides = value.stride() if value.numel() else None
        kind = "parameter" if isinstance(value, torch.nn.Parameter) else "tensor"
        device = str(value.device)
        return kind, tuple(value.shape), value.dtype, strides, device, value.requires_grad
    if isinstance(value, dict):
        return type(value), {name: described(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value), [described(item) for item in value]
    return type(value), value


def assert_told(path: Path, **given: object) -> None:
    """The header gives what `read` gives: names in their order, shapes, dtypes, strides."""
    found, expected = header(path, **given), read(path, **given)
    assert list(found) == list(expected)
    assert described(found) == described(expected)


Write = Callable[[Path], object]

TORCH: dict[str, Any] = {
    "a tensor": torch.ones(2, 3),
    "of whole numbers": torch.arange(6),
    "of no rows": torch.empty(0, 3),
    "of no axis": torch.tensor(1.5),
    "transposed": torch.ones(2, 3).T,
    "expanded": torch.ones(1, 3).expand(4, 3),
    "a part": torch.arange(20)[3:9:2],
    "bfloat16": torch.ones(2, dtype=torch.bfloat16),
    "complex": torch.ones(2, dtype=torch.complex64),
    "several": {"X": torch.ones(2, 2), "y": torch.zeros(2, dtype=torch.int64)},
    "one by name": {"X": torch.ones(2, 2)},
    "mixed": {"n": 3, "s": "text", "none": None, "deep": [1, (torch.ones(2), {"k": 2.5})]},
    "in order": OrderedDict(a=torch.ones(1), b=OrderedDict(c=torch.ones(2))),
    "numbered": {1: torch.ones(2), 2: torch.ones(3)},
    "tracked": torch.ones(2, requires_grad=True),
    "a parameter": {"weight": torch.nn.Parameter(torch.ones(2)), "b": 1},
    "twice the same": dict.fromkeys("ab", torch.ones(3)),
}


@pytest.mark.parametrize("is_new", [True, False], ids=["zip", "old-style"])
@pytest.mark.parametrize("value", TORCH.values(), ids=TORCH)
def test_of_a_torch_file(tmp_path: Path, value: Any, is_new: bool) -> None:
    path = tmp_path / "t.pt"
    torch.save(value, path, _use_new_zipfile_serialization=is_new)
    assert_told(path)


@pytest.mark.parametrize("is_new", [True, False], ids=["zip", "old-style"])
@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
def test_a_sparse_tensor_needs_the_data(tmp_path: Path, layout: torch.layout, is_new: bool) -> None:
    path = tmp_path / "t.pt"
    torch.save(torch.eye(3).to_sparse(layout=layout), path, _use_new_zipfile_serialization=is_new)
    with pytest.raises(NeedsDataError):
        header(path)


SAFETENSORS_DTYPES = [
    dtype
    for name in (
        "bool uint8 int8 uint16 int16 float16 bfloat16 uint32 int32 float32 uint64 int64 float64 "
        "complex64 float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu "
        "float4_e2m1fn_x2"
    ).split()
    if (dtype := getattr(torch, name, None)) is not None
]


@pytest.mark.parametrize("dtype", SAFETENSORS_DTYPES, ids=str)
def test_of_a_safetensors_file_of_each_dtype(tmp_path: Path, dtype: torch.dtype) -> None:
    path = tmp_path / "t.safetensors"
    save_file({"x": torch.empty((2, 4), dtype=dtype), "y": torch.ones(3)}, path)
    assert_told(path)


NUMPY: dict[str, Any] = {
    **{
        name: np.ones((2, 3), name) for name in "bool int8 uint16 uint64 float16 complex128".split()
    },
    "by columns": np.ones((2, 3, 4), order="F"),
    "of no rows": np.ones((0, 3)),
    "of another byte order": np.ones((2, 3), ">f8"),
    "by columns, of another byte order": np.ones((2, 3), ">i4", order="F"),
    "of no axis": np.array(2.5),
    "of one axis": np.arange(3),
}


@pytest.mark.parametrize("array", NUMPY.values(), ids=NUMPY)
def test_of_a_numpy_file(tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "t.npy", array)
    assert_told(tmp_path / "t.npy")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_of_a_numpy_archive(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "t.npz", **NUMPY)
    assert_told(tmp_path / "t.npz")
    save(tmp_path / "one.npz", x=np.ones(3))
    assert_told(tmp_path / "one.npz")


@pytest.mark.parametrize("names", [["x"], ["x", "y"]], ids=["one", "two"])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors", ".npy", ".npz"])
def test_of_a_file_that_its_format_writes(tmp_path: Path, suffix: str, names: list[str]) -> None:
    path = tmp_path / f"t{suffix}"
    write = formats()[suffix].write
    assert write is not None
    write(path, {name: torch.ones(3, 2).T for name in names})
    assert_told(path)
    has_name = names != ["x"] or suffix == ".safetensors"
    assert read(path)[names[-1] if has_name else "data"].shape == (2, 3)


CSV = {
    "names": "a;b\n1;2\n",
    "no names": "1,2\n3,4",
    "windows": "a,b\r\n1,2\r\n3,4\r\n",
    "old macs": "a,b\r1,2\r3,4\r",
    "blank lines": "\n\na,b\n\n1,2\n\n\n3,4\n\n",
    "quoted": '"a","b"\n"1","2"\n"3","4"\n',
    "quoted line ends": '"a\nb",c\n"1\n","2"\n"\r\n3",4\n',
    "a quote in a name": 'a"b,c\n1,2\n3,4\n',
    "one column": "x\n1\n2\n",
    "a mark of the encoding": "\ufeffa,ü\n1,2\n",
    "names of many bytes": "größe;日本\n1;2\n",
    "long": "a,b\n" + "1,2\n" * 1000,
    "long and quoted": "a,b\n" + '"1\n",2\r\n\r\n' * 1000,
    "far below blank lines": "a,b\n" + "\n" * 40 + "1,2\n",
    "long names": '"' + "name\n" * 30 + '",b\n1,2\n3,4\n',
}


@pytest.mark.parametrize("text", CSV.values(), ids=CSV)
def test_of_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert_told(path)


def test_of_text_whose_delimiter_and_header_are_given(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"1:2\n3:4\n5:6\n")
    for delimiter, names in ((":", True), (":", False), (":", None)):
        assert_told(path, delimiter=delimiter, header=names)
    path.write_bytes(b'1"2\n3"4\n5"6\n' * 20)
    assert_told(path, delimiter='"')
    for end in "\r\n":
        with pytest.raises(DataError, match="the end of a line cannot stand between cells"):
            read(path, delimiter=end)


numbers = st.floats(allow_nan=False, allow_infinity=False).map(str)
cells = st.one_of(numbers, numbers.map('"{}"'.format), numbers.map('"\n{}\r\n"'.format))


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str]:
    """A delimited text of numbers as a person or a program may write it, and its delimiter."""
    delimiter, width = draw(st.sampled_from(",;\t|:")), draw(st.integers(1, 4))
    row = st.lists(cells, min_size=width, max_size=width).map(delimiter.join)
    name = st.sampled_from(["x", "ü", '"two\nlines"', 'a"b', '"say ""so"""', "c d"])
    different = st.lists(name, min_size=width, max_size=width, unique=True)
    names = different.map(delimiter.join)
    ends = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [*draw(st.lists(names, max_size=1)), *draw(st.lists(row, min_size=1, max_size=40))]
    blank = st.integers(0, 9).map(lambda drawn: max(0, drawn - 7))
    text = "".join(line + ends * (1 + draw(blank)) for line in lines)
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return mark + (text.rstrip("\r\n") if draw(st.booleans()) else text), delimiter


@given(texts())
@pytest.mark.campaign
@in_one_folder
def test_of_any_text_that_can_be_read(tmp_path: Path, drawn: tuple[str, str]) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(drawn[0].encode())
    assert_told(path, delimiter=drawn[1])


shapes = st.lists(st.integers(0, 5), max_size=4).map(tuple)
names = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=8)


@given(shapes, st.sampled_from("bool u1 i2 u4 i8 f2 f4 f8 c8 c16".split()), st.booleans())
@pytest.mark.campaign
@in_one_folder
def test_of_any_numpy_file(
    tmp_path: Path, shape: tuple[int, ...], kind: str, is_fortran: bool
) -> None:
    np.save(tmp_path / "t.npy", np.zeros(shape, kind, order="F" if is_fortran else "C"))
    assert_told(tmp_path / "t.npy")


@given(st.dictionaries(names, st.tuples(shapes, st.sampled_from(SAFETENSORS_DTYPES[:14]))))
@pytest.mark.campaign
@in_one_folder
def test_of_any_torch_and_safetensors_file(tmp_path: Path, drawn: dict[str, Any]) -> None:
    tensors = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in drawn.items()}
    save_file(tensors, tmp_path / "t.safetensors")
    torch.save(tensors, tmp_path / "t.pt")
    assert_told(tmp_path / "t.safetensors")
    assert_told(tmp_path / "t.pt")


def assert_refused_alike(path: Path, **given: object) -> str:
    """Both the header and `read` raise a DataError that names the file; gives the header's."""
    with pytest.raises(DataError) as of_read:
        read(path, **given)
    with pytest.raises(DataError) as of_header:
        header(path, **given)
    assert str(path) in str(of_read.value)
    assert str(path) in str(of_header.value)
    return str(of_header.value) if str(of_header.value) != str(of_read.value) else "the same"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "a,b\n",
        "a,b\n\n\n",
        "a,b\n1,2\n3\n",
        "a,b\n1,2\n3,4,5\n",
        "a,b\n1,\n",
        "a,b\n1,x\n",
        "a,b\n1,nan\n",
        "1,2\n\n\n3,inf\n",
        "a,b\n1,1_000\n",
        "a;b\n1;2,5\n",
        'a,b\n"1,2\n',
        "a,b\n" + "1,2\n" * 100 + '1,"2\n',
        "a,b\n  \n1,2\n",
        'x\n""\n',
    ],
)
def test_a_text_is_refused_in_the_same_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    assert assert_refused_alike(path) == "the same"


def test_bytes_that_are_no_text_are_refused_in_the_same_words(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"caf\xe9,b\n1,2\n")
    assert assert_refused_alike(path) == "the same"


class Thing:
    """An object, which no file of tensors may hold."""


def _cut(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def _truncated_npz(path: Path) -> None:
    np.savez(path, x=np.ones(100))
    with zipfile.ZipFile(path) as archive:
        member = archive.read("x.npy")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member[:-8])


def _npz_of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "text")


def _then_cut(write: Write, count: int) -> Write:
    def write_and_cut(path: Path) -> None:
        write(path)
        _cut(path, count)

    return write_and_cut


def _itself() -> list[Any]:
    """A list that contains itself."""
    found: list[Any] = []
    found.append(found)
    return found


def _doubled() -> list[Any]:
    """Lists that each hold the one before twice: 2^100 values."""
    found: list[Any] = []
    for _ in range(100):
        found = [found, found]
    return found


def _old_style(value: Any) -> Write:
    return lambda path: torch.save(value, path, _use_new_zipfile_serialization=False)


SPARSE: dict[str, Any] = {  # as scipy.sparse.save_npz writes it
    "indices": np.array([1, 0]), "indptr": np.array([0, 1, 2]), "format": np.array(b"csr"),
    "shape": np.array([2, 2]), "data": np.ones(2),
}  # fmt: skip
BROKEN: dict[str, tuple[str, Write]] = {
    "an empty torch file": (".pt", lambda path: path.write_bytes(b"")),
    "text as a torch file": (".pt", lambda path: path.write_bytes(b"hello world\n")),
    "an object": (".pt", lambda path: torch.save({"x": Thing()}, path)),
    "a number alone": (".pt", lambda path: torch.save(3, path)),
    "a cut torch file": (".pt", _then_cut(lambda path: torch.save(torch.ones(999), path), 99)),
    "a cut old-style torch file": (".pt", _then_cut(_old_style(torch.ones(9)), 1)),
    "a list that contains itself": (".pt", _old_style(_itself())),
    "lists of 2^100 values": (".pt", _old_style(_doubled())),
    "another archive": (".pt", _npz_of_something_else),
    "an empty safetensors file": (".safetensors", lambda path: path.write_bytes(b"")),
    "a cut safetensors file": (
        ".safetensors",
        _then_cut(lambda path: save_file({"x": torch.ones(9)}, path), 1),
    ),
    "a type that torch lacks": (
        ".safetensors",
        lambda path: path.write_bytes(
            struct.pack("<Q", 60)
            + b'{"x":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}'.ljust(60)
            + b"123"
        ),
    ),
    "an empty numpy file": (".npy", lambda path: path.write_bytes(b"")),
    "text as a numpy file": (".npy", lambda path: path.write_bytes(b"1,2,3\n" * 20)),
    "a cut numpy file": (".npy", _then_cut(lambda path: np.save(path, np.ones(9)), 1)),
    "objects": (".npy", lambda path: np.save(path, np.array([Thing()], object))),
    "words": (".npy", lambda path: np.save(path, np.array(["a", "b"]))),
    "records": (".npy", lambda path: np.save(path, np.zeros(2, "i4,f8"))),
    "numbers that torch lacks": (".npy", lambda path: np.save(path, np.ones(2, "g"))),
    "dates": (".npy", lambda path: np.save(path, np.zeros(2, "M8[D]"))),
    "an archive of objects": (".npz", lambda path: np.savez(path, x=np.array([Thing()], object))),
    "an archive of words": (".npz", lambda path: np.savez(path, x=np.array(["a"]))),
    "a sparse matrix": (".npz", lambda path: np.savez(path, **SPARSE)),
    "an archive of a cut array": (".npz", _truncated_npz),
    "an archive of something else": (".npz", _npz_of_something_else),
    "a cut archive": (".npz", _then_cut(lambda path: np.savez(path, x=np.ones(9)), 30)),
}


@pytest.mark.parametrize(("suffix", "write"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_as_read_refuses_it(
    tmp_path: Path, suffix: str, write: Write
) -> None:
    path = tmp_path / f"broken{suffix}"
    write(path)
    assert_refused_alike(path)


@contextmanager
def next_to_nothing() -> Iterator[None]:
    """What is done inside reads less than 1 MiB, allocates less, and touches no mapped pages."""

    def bytes_read() -> int:
        lines = Path("/proc/self/io").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("rchar")).split()[1])

    read_before = bytes_read()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MIB
    finally:
        tracemalloc.stop()
    assert bytes_read() - read_before < MIB
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident) * 1024 < 64 * MIB


on_linux = pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="Linux tells what is read")


@on_linux
def test_four_gigabytes_of_numpy_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    beginning = io.BytesIO()
    shape = (2**20, 2**10)
    np.lib.format.write_array_header_1_0(
        beginning, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    path.write_bytes(beginning.getvalue())
    with path.open("r+b") as file:
        file.truncate(len(beginning.getvalue()) + 2**32)
    header(path)  # what is imported at the first call is none of the file's
    with next_to_nothing():
        data = header(path)["data"]
    assert (data.shape, data.dtype) == (shape, torch.float32)


@on_linux
def test_four_gigabytes_of_safetensors_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    text = b'{"x":{"dtype":"F32","shape":[1048576,1024],"data_offsets":[0,4294967296]}}'.ljust(80)
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with path.open("r+b") as file:
        file.truncate(8 + len(text) + 2**32)
    header(path)
    with next_to_nothing():
        data = header(path)["x"]
    assert (data.shape, data.dtype) == ((2**20, 2**10), torch.float32)


@on_linux
@pytest.mark.parametrize("is_new", [True, False], ids=["zip", "old-style"])
def test_the_data_of_a_torch_file_is_not_read(tmp_path: Path, is_new: bool) -> None:
    path = tmp_path / "large.pt"
    torch.save(torch.zeros(16 * MIB), path, _use_new_zipfile_serialization=is_new)
    header(path)
    with next_to_nothing():
        data = header(path)["data"]
    assert data.shape == (16 * MIB,)


@on_linux
def test_an_archive_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "large.npz"
    np.savez_compressed(path, x=np.zeros(16 * MIB))
    header(path)
    with next_to_nothing():
        data = header(path)["x"]
    assert data.shape == (16 * MIB,)


def test_counting_the_rows_of_a_text_takes_no_memory_in_proportion(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * (4 * MIB))
    header(path)
    tracemalloc.start()
    try:
        data = header(path)["data"]
        assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    finally:
        tracemalloc.stop()
    assert data.shape == (4 * MIB, 2)
