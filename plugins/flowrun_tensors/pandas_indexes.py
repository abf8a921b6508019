"""Whether the index, the labels and the categories of a pandas frame come back from Arrow.

pandas compares indexes by their elements alone. What a step can see beside them (the frequency of
dates, the levels of several labels, the names of categories) is looked at here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def require_kept_indexes(frame: pd.DataFrame) -> None:
    """Raise ValueError, with the reason, for a frame of which Arrow loses one of these."""
    import pandas as pd

    _require_kept(frame.index, "its index", may_have_frequency=True)
    _require_kept(frame.columns, "its column labels")
    for name, dtype in zip(frame.columns, frame.dtypes, strict=True):
        if isinstance(dtype, pd.CategoricalDtype) and dtype.categories is not None:
            _require_kept(dtype.categories, f"the categories of its column {name!r}", names=False)


def _require_kept(
    index: pd.Index, what: str, *, may_have_frequency: bool = False, names: bool = True
) -> None:
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        _require_kept_levels(index, what)
    elif isinstance(index, pd.CategoricalIndex):
        _require_kept(index.categories, f"the categories of {what}", names=False)
    frequency = _frequency(index)
    if frequency is not None and not (may_have_frequency and _is_named(frequency)):
        raise ValueError(f"the frequency {frequency!r} of {what} is not kept by Arrow")
    if not names and index.name is not None:
        raise ValueError(f"{what} have the name {index.name!r}, which Arrow does not keep")


def _require_kept_levels(index: pd.MultiIndex, what: str) -> None:
    import pandas as pd

    columns = [index.get_level_values(number) for number in range(index.nlevels)]
    made = pd.MultiIndex.from_arrays(columns, names=index.names)
    for number, (level, other) in enumerate(zip(index.levels, made.levels, strict=True)):
        if not level.equals(other) or level.dtype != other.dtype:
            raise ValueError(f"level {number} of {what} has labels that no row has")
        _require_kept(level, f"level {number} of {what}")


def _frequency(index: pd.Index) -> Any:
    import pandas as pd

    return index.freq if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)) else None


def _is_named(frequency: Any) -> bool:
    """Whether the text of a frequency says all of it."""
    from pandas.tseries.frequencies import to_offset

    try:
        return bool(to_offset(frequency.freqstr) == frequency)
    except ValueError:
        return False
