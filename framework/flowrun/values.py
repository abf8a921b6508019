"""Values summarised for lines and records, through the codecs that plugins give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowrun.errors import PluginError, error_line
from flowrun.extensions import Codec, Summary, full_name

_SCALARS = (str, int, float, bool, type(None))
_SUMMARY_FIELDS = ("type", "shape", "dtype", "device", "bytes")
_SHOWN_ITEMS = 6


class Values:
    """The codecs of one run, and what they say of values."""

    def __init__(self, codecs: Mapping[str, Codec], usual_dtype: str = "") -> None:
        self._codecs = codecs
        self._usual_dtype = usual_dtype

    def codec(self, value: object) -> Codec | None:
        """The codec of the value's type or of the nearest type it inherits from."""
        for kind in type(value).__mro__:
            codec = self._codecs.get(full_name(kind))
            if codec is not None:
                return codec
        return None

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

    def summary(self, value: object) -> dict[str, Any]:
        """The value for a record: type, shape, dtype, device; small plain values whole."""
        if type(value) in _SCALARS:
            return {"type": type(value).__name__, "value": value}
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
            return summary
        if isinstance(value, dict):
            items = {str(key): self.summary(item) for key, item in value.items()}
            return {"type": "dict", "items": items}
        if isinstance(value, (list, tuple)):
            if len(value) <= 100 and all(isinstance(item, _SCALARS) for item in value):
                return {"type": "list", "length": len(value), "value": list(value)}
            return {"type": "list", "length": len(value)}
        if isinstance(value, _SCALARS):
            return {"type": type(value).__name__, "value": value}
        return {"type": full_name(type(value))}

    def text(self, summary: Mapping[str, Any]) -> str:
        """A summarised value in a few words: `(1000, 11)`, `{mae 0.5043, rmse 0.6521}`.

        The dtype is left out where it is the recipe's, and the device where it is the CPU.
        """
        kind, items = summary["type"], summary.get("items")
        value: Any = summary.get("value")
        if items is not None:
            shown = [f"{key} {self.text(item)}" for key, item in list(items.items())[:_SHOWN_ITEMS]]
            more = ", ..." if len(items) > _SHOWN_ITEMS else ""
            return f"{{{', '.join(shown)}{more}}}"
        if "length" in summary:
            is_short = value is not None and len(value) <= _SHOWN_ITEMS
            if is_short and all(isinstance(item, (int, float)) for item in value):
                return f"[{', '.join(number_text(item) for item in value)}]"
            return f"[{summary['length']}]"
        if "value" in summary:
            return number_text(value)
        found = Summary(kind, summary.get("shape"), summary.get("dtype"), summary.get("device"))
        text = str(found).removesuffix(" cpu").removesuffix(f" {self._usual_dtype}")
        return kind.rpartition(".")[2] if text == kind else text

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
        """None where the value equals the wanted plain one, else how and where it differs.

        Numbers are equal within `atol + rtol * |wanted|`. Where neither is given, both are those of
        torch.testing for the value's dtype (1e-7 for Python's floats); where one is given, the
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

    def plain(self, value: object) -> Any:
        """The value as plain Python numbers, lists and dicts, where a codec knows how."""
        codec = self.codec(value)
        if codec is not None:
            return codec.plain(value)
        if isinstance(value, dict):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(item) for item in value]
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


def number_text(value: object) -> str:
    """A number to five significant digits; anything else as it is."""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
