"""How far a value may be from its golden one, by dtype and by the kind of device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

# rtol and atol of torch.testing.assert_close.
USUAL = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
ELSEWHERE = 10  # times that on another kind of device, whose kernels add up in another order


class Tolerances(msgspec.Struct, frozen=True):
    """What a recipe says of one golden value, where it is held.

    options: `rtol` and `atol`, and the same by kind of device. kind: of the device that the value
    was made on now; made_on: of that which the golden value was made on. dtype: the recipe's.
    """

    options: Mapping[str, Any]
    kind: str
    made_on: str
    dtype: str

    def of_dtype(self, dtype: str | None) -> tuple[float | None, float | None]:
        """`rtol` and `atol` for a dtype; (None, None) stands for what its codec has as usual."""
        own = self.options.get(self.kind) or self.options
        if "rtol" in own or "atol" in own:
            return own.get("rtol", 0.0), own.get("atol", 0.0)
        if dtype not in USUAL:
            return None, None
        factor = 1 if self.kind == self.made_on else ELSEWHERE
        rtol, atol = USUAL[dtype]
        return rtol * factor, atol * factor

    def of_number(self, number: object) -> tuple[float | None, float | None]:
        """The same for a number that is no tensor: of the recipe's dtype, or whole and exact."""
        return self.of_dtype(self.dtype if isinstance(number, float) else None)
