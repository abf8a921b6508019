"""How SciPy's sparse matrices and arrays are summarised, digested and stored: by their parts.

Those of CSR, CSC, BSR, COO and DIA. The others are for building one: `.tocsr()` makes one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowrun import Codec, Summary

_PARTS = {
    "csr": ("data", "indices", "indptr"), "csc": ("data", "indices", "indptr"),
    "bsr": ("data", "indices", "indptr"), "coo": ("data", "coords"), "dia": ("data", "offsets"),
}  # fmt: skip
_FLAGS = {"coo": ("has_canonical_format",)}  # whether no place has two entries; others look


def _summary(matrix: Any) -> Summary:
    arrays = [getattr(matrix, name) for name in _PARTS[matrix.format]]
    parts = [part for one in arrays for part in (one if isinstance(one, tuple) else (one,))]
    size = sum(part.nbytes for part in parts)
    return Summary("matrix", tuple(matrix.shape), str(matrix.dtype), bytes=size)


def _plain(matrix: Any) -> Any:
    return matrix.toarray().tolist()


def _difference(matrix: Any, wanted: Any, rtol: float | None, atol: float | None) -> str | None:
    from flowrun_tensors.array_codecs import array_difference

    other = wanted.toarray() if hasattr(wanted, "toarray") else wanted
    return array_difference(matrix.toarray(), other, rtol, atol)


def _parts(matrix: Any) -> list[Any]:
    names = (*_PARTS[matrix.format], *_FLAGS.get(matrix.format, ()))
    return [list(matrix.shape), *(getattr(matrix, name) for name in names)]


def _maker(form: str, kind: str) -> Callable[[list[Any]], Any]:
    """Makes a matrix of its parts, each as it is: the class would choose a dtype for indices."""

    def made(parts: list[Any]) -> Any:
        import scipy.sparse

        shape, *arrays = parts
        matrix = getattr(scipy.sparse, kind)(tuple(shape), dtype=arrays[0].dtype, **_blocks(arrays))
        for name, part in zip((*_PARTS[form], *_FLAGS.get(form, ())), arrays, strict=True):
            setattr(matrix, name, part)
        return matrix

    def _blocks(arrays: list[Any]) -> dict[str, Any]:
        return {"blocksize": arrays[0].shape[1:]} if form == "bsr" else {}

    return made


MATRIX_CODECS = tuple(
    Codec(
        f"scipy.sparse._{form}.{form}_{kind}",
        _summary,
        _plain,
        _difference,
        pack=_parts,
        unpack=_maker(form, f"{form}_{kind}"),
        mutable=True,
    )
    for form in _PARTS
    for kind in ("array", "matrix")
)
