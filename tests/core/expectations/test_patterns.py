"""The patterns of `matches`: what they may hold, and that a search ends in time."""

from __future__ import annotations

import time

import pytest

from flowrun.expectations.patterns import is_found, pattern_error


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("should return", "it should return 2", True),
        ("^a.c$", "abc", True),
        ("^b", "abc", False),
        ("not compiled with CUDA|no GPU", "Torch not compiled with CUDA enabled", True),
        (r"shape \(\d+, \d+\)", "of the shape (3, 12)", True),
        ("(?i)float", "Float64", True),
        ("(?s)a.b", "a\nb", True),
        ("(?m)^b$", "a\nb\nc", True),
        (r"\bmatmul\b", "by matmul.", True),
        ("größe", "die größe", True),
        ("", "anything", True),
        ("a", "\udc80a", True),
    ],
)
def test_the_usual_patterns_are_found_as_python_finds_them(
    pattern: str, text: str, found: bool
) -> None:
    assert pattern_error(pattern) is None
    assert is_found(pattern, text) is found


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*#", "((a*)*)*#", "a*" * 20 + "#"])
def test_no_pattern_takes_a_time_that_grows_exponentially(pattern: str) -> None:
    begun = time.process_time()
    assert not is_found(pattern, "a" * 20_000 + "!")
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("(?=a)", "invalid perl operator: (?="),
        (r"(a)\1", r"invalid escape sequence: \1"),
        ("a{1000000}", "invalid repetition size: {1000000}"),
        ("a" * 1_001, "it is longer than 1,000 characters"),
    ],
)
def test_what_is_no_pattern_is_named_and_nothing_is_printed(
    pattern: str, error: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert pattern_error(pattern) == error
    assert capfd.readouterr() == ("", "")
