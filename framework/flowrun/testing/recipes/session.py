"""A session of pytest for `flowrun test`, whose output may be closed, full, or without a reader."""

from __future__ import annotations

import sys

import pytest

from flowrun.values.streams import code_at_end, open_streams

if __name__ == "__main__":
    # A reader that has ended would be an error of pytest's own, with a traceback.
    open_streams(ends_with_reader=False)
    sys.exit(code_at_end(int(pytest.main())))
