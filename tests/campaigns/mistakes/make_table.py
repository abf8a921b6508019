"""Write docs/mistakes.md from the mistakes and the messages they get.

python -m tests.campaigns.mistakes.make_table
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

from tests.campaigns.mistakes import MISTAKES, SECTIONS
from tests.campaigns.mistakes.mistake import Mistake, Observed, observe

PAGE = Path(__file__).parents[3] / "docs" / "mistakes.md"
_COLUMNS = "| | mistake | what is said | and what to do |\n|---:|---|---|---|\n"
_EXCERPT = re.compile(r"[0-9]* *[|]")
_HEAD = """\
# Mistakes, and what is said of them

{count} mistakes that people make in a recipe, a step or a plugin, each with the message it gets.
Each one is a test (`tests/campaigns/mistakes`): the message names the place, what was found and
what to do, fits on one screen, and shows no traceback. A recipe that cannot be run is refused
before anything runs (exit code 2); if the message says that a step failed, the exit code is 3.

This page is written by `python -m tests.campaigns.mistakes.make_table`.
"""


def page(observed_of: Callable[[Mistake], Observed]) -> str:
    """The whole page: an index, then each mistake with its files and its message."""
    parts = [_HEAD.format(count=len(MISTAKES))]
    numbers = count(1)
    numbered = {
        section: [(next(numbers), mistake) for mistake in mistakes]
        for section, mistakes in SECTIONS.items()
    }
    for section, mistakes in numbered.items():
        parts.append(f"\n**{section}**\n\n{_COLUMNS}")
        for number, mistake in mistakes:
            parts.append(row(number, mistake, observed_of(mistake)))
    for section, mistakes in numbered.items():
        parts.append(f"\n## {section}\n")
        parts += [entry(number, mistake, observed_of(mistake)) for number, mistake in mistakes]
    return "".join(parts)


def row(number: int, mistake: Mistake, observed: Observed) -> str:
    """One mistake in the index: what is wrong, and what to do."""
    wrong, cure = map(_cell, _in_short(observed.message))
    return f"| {number} | [{_cell(mistake.title)}](#{number}) | {wrong} | {cure} |\n"


def entry(number: int, mistake: Mistake, observed: Observed) -> str:
    """One mistake: title, files, command, message."""
    blocks = [_file(name, content, mistake) for name, content in _shown_files(mistake).items()]
    variables = "".join(f"{name}={value!r} " for name, value in mistake.environment.items())
    command = f"$ {variables}flowrun {' '.join(mistake.arguments)}"
    message = observed.message.rstrip("\n")
    blocks.append(f"\n```text\n{command}\n{message}\n```\n")
    return f'\n### <a id="{number}"></a>{number}. {mistake.title}\n{"".join(blocks)}'


def _shown_files(mistake: Mistake) -> dict[str, str]:
    """The files that say something: text, or what the mistake gives in place of it."""
    files = mistake.all_files
    if mistake.shown is not None:
        return {next(iter(files)): mistake.shown}
    return {name: text for name, text in files.items() if isinstance(text, str)}


def _file(name: str, text: str, mistake: Mistake) -> str:
    kind = {".yaml": "yaml", ".py": "python"}.get(Path(name).suffix, "text")
    title = "" if [name] == list(_shown_files(mistake)) == ["recipe.yaml"] else f"\n`{name}`:\n"
    body = text.replace("\t", "→").replace("\u00a0", "⍽").rstrip("\n") or "(nothing)"
    return f"{title}\n```{kind}\n{body}\n```\n"


def _in_short(message: str) -> tuple[str, str]:
    """The line that says what is wrong, and the line that says what to do (or is expected)."""
    lines = [line.strip() for line in message.partition("\n\n")[0].splitlines()]
    if lines[0].startswith("Usage:"):
        return lines[-1], lines[1]
    if lines[0].endswith(" failed"):
        wrong, _, cure = lines[2].partition("; ")
        more = lines[3] if not re.match("input |device ", lines[3]) else ""
        return wrong, cure or more
    lines = [line for line in lines if not _EXCERPT.match(line) and "nothing was run" not in line]
    if lines[0].endswith(":"):
        lines[:2] = [" ".join(lines[:2])]
    return lines[0], lines[-1] if len(lines) > 1 else ""


def _cell(text: str) -> str:
    """Text for a cell of a table: no bars, no tags, no formatting by accident."""
    return re.sub(r"([|<>*_~\[\]])", r"\\\1", text) if "`" not in text else _outside_code(text)


def _outside_code(text: str) -> str:
    """The same for a text with `code` in it, whose insides need nothing but their bars escaped."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return re.sub(r"([`|<>*_~\[\]])", r"\\\1", text)
    return "`".join(
        part.replace("|", "\\|") if index % 2 else re.sub(r"([|<>*_~\[\]])", r"\\\1", part)
        for index, part in enumerate(parts)
    )


def main() -> None:
    """Make every mistake and write the page."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        folders = [Path(folder, str(number)) for number in range(len(MISTAKES))]
        for path in folders:
            path.mkdir()
        titles = [mistake.title for mistake in MISTAKES]
        found = dict(zip(titles, pool.map(observe, MISTAKES, folders), strict=True))
    PAGE.write_text(page(lambda mistake: found[mistake.title]), encoding="utf-8")


if __name__ == "__main__":
    main()
