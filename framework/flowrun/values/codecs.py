"""Values summarised for lines and records, through the codecs that plugins give."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from flowrun.errors import PluginError, error_line
from flowrun.values.elements import elements_entry
from flowrun.values.instances import Classes, Form, fields_of, form_by, form_of, member_plain
from flowrun.values.python_types import full_name, python_type
from flowrun.values.texts import readable

_SCALARS = (str, int, float, bool, type(None))
_SUMMARY_FIELDS = ("type", "shape", "dtype", "device", "bytes")
_SHOWN_ITEMS = 6
_LINE_WIDTH = 100  # columns of the values in a step's line
_SHOWN_BITS = 2048


class Summary(msgspec.Struct, frozen=True):
    """A short description of a value for messages and records."""

    type: str
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    device: str | None = None
    bytes: int | None = None

    def __str__(self) -> str:
        parts = [] if self.shape is None else [_shape_text(self.shape)]
        parts += [part for part in (self.dtype, self.device) if part]
        return " ".join(parts) or self.type


class Codec(msgspec.Struct, frozen=True):
    """How values of one type are summarised, compared, digested and stored.

    type: the type, or its full name, such as `torch.Tensor`, so that naming it imports nothing.
        Instances of its subclasses are shown and compared as well, but neither digested nor stored:
        they would come back as the base type. A subclass that is to be stored has its own codec.
    summary: a `Summary` of the value.
    plain: the value as numbers, strings and lists, for expectations and JSON.
    begin: called with the value and a number, returns no more than so many elements: those of the
        whole value in order if it has no more, else the first of its first row; None if it cannot
        give them. They stand in the step's line behind the shape.
    difference: called with the value, a wanted plain value or another value of the type, `rtol`
        and `atol` (None if not given); returns None if they are equal within that, else a text
        that says how and at which place they differ. Without it the plain values are compared.

    For the store, either `pack` and `unpack`, or the four that follow; a type that has neither is
    never stored, and the steps that take such a value run each time.

    pack, unpack: the value as values of other types (tensors, numbers, lists, dicts), and back.
    digest: bytes that identify the value, the same in every process. Two values that a step can
        distinguish have two digests; raises for a value that `read` would not give back whole.
    write: called with a path and a dict of values by name, writes them as one file. It may raise
        for a value that has no form on disk; that value is then not stored.
    read: called with such a path, gives the dict back.
    suffix: the suffix of these files.
    portable: gives a value of the same content as every machine can read it back: a tensor on the
        CPU. Golden values are written so.

    attributes: called with an instance of the type, or of a subclass, gives its attributes by name.
        Such an instance is kept as the name of its class and these, and is made again without a
        call of its class. It raises ValueError for an instance that has more than these. The class
        must be one of the type's own library, or of the plan's own code. `plain` may then return
        values of other types, such as tensors.
    belongs: called with such an instance, gives the values that must be parts of another object in
        the same value, as the parameters of an optimizer are of a module. Without that object it
        is not kept: it would come back apart from it.
    memory: called with a value, gives the addresses in memory between which its elements lie, or
        None. Two parts of one value that share memory cannot be kept: they would come back apart.

    mutable: whether a step may change such a value in place without a sign of it. Inputs that are
        or have such values are then digested after each step, and a changed one is an error.
    """

    type: str | type
    summary: Callable[[Any], Summary]
    plain: Callable[[Any], Any]
    difference: Callable[[Any, Any, float | None, float | None], str | None] | None = None
    begin: Callable[[Any, int], list[Any] | None] | None = None
    pack: Callable[[Any], Any] | None = None
    unpack: Callable[[Any], Any] | None = None
    digest: Callable[[Any], bytes] | None = None
    write: Callable[[Path, dict[str, Any]], None] | None = None
    read: Callable[[Path], dict[str, Any]] | None = None
    suffix: str = ""
    portable: Callable[[Any], Any] | None = None
    attributes: Callable[[Any], dict[str, Any]] | None = None
    belongs: Callable[[Any], Iterable[Any]] | None = None
    memory: Callable[[Any], tuple[int, int] | None] | None = None
    mutable: bool = False

    @property
    def type_name(self) -> str:
        """The full name of the type: its module, a dot, and its own name."""
        return self.type if isinstance(self.type, str) else full_name(self.type)


def key_text(key: object, keys: Container[object]) -> str:
    """A key as a text; with its type if it is 1 and "1" is one of the keys too."""
    text = str(key)
    is_taken = not isinstance(key, str) and text in keys
    return f"{text} ({type(key).__name__})" if is_taken else text


def _shown(value: Any) -> Any:
    """A number or text for a record, which has no subclasses, such as those of enums and of NumPy.

    A number of more digits than Python writes, and half of a surrogate pair, become words.
    """
    if isinstance(value, str):
        return readable(str.__str__(value))
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        bits = value.bit_length()
        return int.__int__(value) if bits <= _SHOWN_BITS else f"{bits} bits"
    return value


def _shape_text(shape: tuple[int, ...]) -> str:
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


class Codecs:
    """The codecs of one run, and the descriptions that they give of values."""

    def __init__(
        self,
        codecs: Mapping[str, Codec],
        usual_dtype: str = "",
        classes: Classes | None = None,
    ) -> None:
        """classes: knows the classes of instances; without it, these are not digested or stored."""
        self.classes = classes
        self._codecs = codecs
        self._usual_dtype = usual_dtype
        self._forms: dict[type, Form | None] = {}

    def codec(self, value: object) -> Codec | None:
        """The codec of the value's type or of the nearest type it inherits from."""
        for kind in type(value).__mro__:
            codec = self._codecs.get(full_name(kind))
            if codec is not None:
                return codec
        return None

    def own_codec(self, value: object) -> Codec | None:
        """The codec of the value's very type: of a subclass only if a codec names that."""
        return self._codecs.get(full_name(type(value)))

    def form(self, kind: type) -> Form | None:
        """How instances of a class are kept by their attributes; None if they are not."""
        if kind not in self._forms:
            self._forms[kind] = self._form(kind)
        return self._forms[kind]

    def _form(self, kind: type) -> Form | None:
        own = self._codecs.get(full_name(kind))
        if own is not None and own.attributes is None:
            return None
        codecs = (self._codecs.get(full_name(one)) for one in kind.__mro__)
        nearest = next((one for one in codecs if one is not None), None)
        if nearest is not None and nearest.attributes is not None:
            return form_by(nearest.attributes, nearest.belongs)
        return form_of(kind)

    def codec_named(self, type_name: str) -> Codec | None:
        """The codec of a type, by the type's full name."""
        return self._codecs.get(type_name)

    def _summary(self, codec: Codec, value: object) -> Summary:
        """The codec's summary; raises PluginError that names a codec which fails."""
        try:
            found = codec.summary(value)
        except Exception as error:
            raise PluginError(
                f"the codec of `{codec.type_name}` failed: {error_line(error)}"
            ) from error
        if not isinstance(found, Summary):
            raise PluginError(f"the codec of `{codec.type_name}` gave no Summary, but {found!r}")
        return found

    def summary(self, value: object, within: tuple[Any, ...] = ()) -> dict[str, Any]:
        """The value for a record: type, shape, dtype, device, elements.

        Small values stand whole in `value`; of larger ones the first elements are in `begin`.
        within: the instances and containers of which it is a part. One of these is named alone.
        """
        if any(value is one for one in within):
            return {"type": full_name(type(value))}
        if type(value) in _SCALARS:
            return {"type": type(value).__name__, "value": _shown(value)}
        codec = self.codec(value)
        if codec is not None:
            found = self._summary(codec, value)
            summary: dict[str, Any] = {
                name: getattr(found, name)
                for name in _SUMMARY_FIELDS
                if getattr(found, name) is not None
            }
            if found.shape == ():
                summary["value"] = codec.plain(value)
            elif found.shape is not None and codec.begin is not None:
                summary |= elements_entry(found.shape, codec.begin, value)
            return summary
        python = python_type(type(value))
        if python is not None:
            shown = (python.shown or python.plain)(value)
            return {**self.summary(shown, (*within, value)), "type": full_name(type(value))}
        if isinstance(value, Enum):
            return {"type": full_name(type(value)), "value": str(value.name)}
        fields = fields_of(value)
        if fields is not None:
            parts = {name: self.summary(item, (*within, value)) for name, item in fields.items()}
            return {"type": full_name(type(value)), "items": parts}
        if isinstance(value, dict):
            inside = (*within, value)
            parts = {
                key_text(key, value): self.summary(item, inside) for key, item in value.items()
            }
            return {"type": "dict", "items": parts}
        if isinstance(value, (list, tuple)):
            if len(value) <= 100 and all(isinstance(item, _SCALARS) for item in value):
                items = [_shown(item) for item in value]
                return {"type": "list", "length": len(value), "value": items}
            return {"type": "list", "length": len(value)}
        if isinstance(value, _SCALARS):
            return {"type": type(value).__name__, "value": _shown(value)}
        return {"type": full_name(type(value))}

    def texts(self, summaries: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
        """The values of one step in a few words each, which fit in its line if possible.

        If there is no room, the first elements of large values are left out, then all elements of
        values in a dict.
        """
        for most in ("begin", "items", ""):
            texts = {name: self.text(summary, most) for name, summary in summaries.items()}
            if sum(len(name) + len(text) + 3 for name, text in texts.items()) <= _LINE_WIDTH:
                break
        return texts

    def text(self, summary: Mapping[str, Any], most: str = "begin") -> str:
        """A summarised value in a few words: `(2,) [0.5, 1]`, `{mae 0.5043, rmse 0.6521}`.

        The dtype is left out if it is the recipe's, and the device if it is the CPU.
        most: the elements that are shown beside those of a small value: `begin`, also the first of
        a large one; `items`, also those of small values in a dict.
        """
        kind, items = summary["type"], summary.get("items")
        value: Any = summary.get("value")
        if items is not None:
            some = list(items.items())[:_SHOWN_ITEMS]
            shown = [f"{key} {self._item_text(item, most)}" for key, item in some]
            more = ", ..." if len(items) > _SHOWN_ITEMS else ""
            return f"{{{', '.join(shown)}{more}}}"
        if "length" in summary:
            is_short = isinstance(value, list) and len(value) <= _SHOWN_ITEMS
            if is_short and all(isinstance(item, (int, float)) for item in value):
                return number_text(value)
            return f"[{summary['length']}]"
        if "value" in summary and not summary.get("shape"):
            return number_text(value)
        found = Summary(kind, summary.get("shape"), summary.get("dtype"), summary.get("device"))
        text = str(found).removesuffix(" cpu").removesuffix(f" {self._usual_dtype}")
        if "value" in summary:
            return f"{text} {number_text(value)}"
        if most == "begin" and "begin" in summary and "shape" in summary:
            return f"{text} {_begun(summary['begin'], summary['shape'])}"
        return kind.rpartition(".")[2] if text == kind else text

    def _item_text(self, summary: Mapping[str, Any], most: str) -> str:
        """A value in a dict, whose large values show no elements."""
        if not most and summary.get("shape"):
            summary = {name: one for name, one in summary.items() if name != "value"}
        return self.text(summary, "items" if most else "")

    def described(self, value: object) -> str:
        """The value for a message about a failed step: shape, dtype and device spelled out."""
        codec = self.codec(value)
        if codec is not None:
            return str(self._summary(codec, value))
        if isinstance(value, dict):
            return (
                f"{{{', '.join(f'{key} {self.described(item)}' for key, item in value.items())}}}"
            )
        return self.text(self.summary(value))

    def difference(
        self, value: object, wanted: Any, rtol: float | None, atol: float | None
    ) -> str | None:
        """None if the value equals the wanted plain one, else a text that says how it differs.

        Numbers are equal within `atol + rtol * |wanted|`. If neither is given, both are those of
        torch.testing for the value's dtype (1e-7 for Python's floats); if one is given, the
        other is 0.
        """
        codec = self.codec(value)
        if codec is not None and codec.difference is not None:
            return codec.difference(value, wanted, rtol, atol)
        found = self.plain(value)
        if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
            for index, (one, other) in enumerate(zip(found, wanted, strict=True)):
                inner = self.difference(one, other, rtol, atol)
                if inner is not None:
                    return f"at [{index}]: {inner}"
            return None
        return _difference(found, wanted, rtol, atol)

    def opened(self, value: object) -> Any:
        """A value's dict: its fields, or what its codec gives as its plain form; else itself."""
        codec = self.codec(value)
        found = fields_of(value) if codec is None else codec.plain(value)
        return found if isinstance(found, dict) else value

    def plain(self, value: object, within: tuple[Any, ...] = ()) -> Any:
        """The value as plain Python numbers, lists and dicts, if a codec can convert it.

        within: the instances and containers of which it is a part; one of these is None.
        """
        if any(value is one for one in within):
            return None
        inside = within if type(value) in _SCALARS else (*within, value)
        codec = self.codec(value)
        if codec is not None:
            found = codec.plain(value)
            return found if codec.attributes is None else self.plain(found, inside)
        python = python_type(type(value))
        if python is not None:
            value = python.plain(value)
        if isinstance(value, Enum):
            return member_plain(value)
        if not isinstance(value, tuple):  # of a named one the plain form is a list, as of any tuple
            fields = fields_of(value)
            value = value if fields is None else fields
        if isinstance(value, dict):
            return {key: self.plain(item, inside) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(item, inside) for item in value]
        return value


def _difference(
    found: object, wanted: object, rtol: float | None, atol: float | None
) -> str | None:
    numbers = [
        value
        for value in (found, wanted)
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    if len(numbers) < 2:
        same = type(found) is type(wanted) and found == wanted
        return None if same else f"{found!r} is not {wanted!r}"
    left, right = numbers
    usual = 1e-7 if isinstance(left, float) and rtol is None and atol is None else 0.0
    tolerance = (usual if atol is None else atol) + (usual if rtol is None else rtol) * abs(right)
    if left == right or abs(left - right) <= tolerance:
        return None
    return f"off by {number_text(float(abs(left - right)))}"


def is_number(value: object) -> bool:
    """Whether a value is a number, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def number_text(value: object) -> str:
    """A number to five significant digits, in lists as well; anything else as it is."""
    if isinstance(value, list):
        return f"[{', '.join(map(number_text, value))}]"
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _begun(elements: list[Any], shape: Sequence[int]) -> str:
    """The first elements of a large value: `[[7.4, 0.7, 0, ...], ...]`."""
    text = ", ".join(map(number_text, elements))
    for size, shown in zip(reversed(shape), [len(elements), *[1] * len(shape)], strict=False):
        text = f"[{text}, ...]" if size > shown else f"[{text}]"
    return text
