"""Fuzz all targets, or those that are named, one after the other, and print the figures.

python -m tests.campaigns.fuzzing [TARGET ...] [--seconds N] [--folder FOLDER]

The corpus of each target stays in the folder, so that the next call goes on from it; the findings
lie beside it, each with its traceback. The exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.campaigns.fuzzing.target import MOST_BYTES, Target
from tests.campaigns.fuzzing.targets import TARGETS

FOLDER = Path(".cache/fuzzing")
HANG_SECONDS = 60  # for one input, by the clock: a hang, which ends the fuzzer
OWN_MEGABYTES = 1024  # of Python, torch and the instrumented code
_FIGURES = re.compile(r"#\d+\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)")
_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_HEADINGS = ("target", "seconds", "executions", "edges", "features", "corpus", "findings")


def fuzz(target: Target, seconds: int, folder: Path) -> list[str]:
    """Fuzz one target; gives a row of the table."""
    corpus, seeds, findings = (folder / name for name in ("corpus", "seeds", "findings"))
    for one in (corpus, seeds, findings):
        one.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (seeds / f"{number}").write_bytes(seed)
    lines = [f'"{_escaped(token)}"' for token in target.tokens]
    (folder / "tokens").write_text("\n".join(lines) + "\n")
    command = [
        sys.executable, "-m", "tests.campaigns.fuzzing.fuzzer", target.name,
        str(findings.absolute()), str(corpus.absolute()), str(seeds.absolute()),
        f"-max_total_time={seconds}", f"-timeout={HANG_SECONDS}", "-print_final_stats=1",
        f"-rss_limit_mb={OWN_MEGABYTES + MOST_BYTES // 2**20}", "-close_fd_mask=1",
        f"-artifact_prefix={findings.absolute()}/", f"-dict={(folder / 'tokens').absolute()}",
    ]  # fmt: skip
    own = {"FLOWRUN_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (folder / "log").open("w") as log:
        done = subprocess.run(command, env={**os.environ, **own}, stderr=log, check=False)
    text = (folder / "log").read_text(errors="replace")
    if done.returncode:
        print(text[-2000:], file=sys.stderr)
    figures = _FIGURES.findall(text)[-1:] or [("?", "?", "?")]
    executions = _EXECUTIONS.findall(text)[-1:] or ["?"]
    found = [path for path in findings.iterdir() if path.suffix != ".txt"]
    return [target.name, f"{seconds}", *executions, *figures[0], f"{len(found)}"]


def _escaped(token: str) -> str:
    """A token as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in token.encode("utf-8", "surrogatepass"))


def main() -> int:
    """Fuzz the targets in turn; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.fuzzing")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=600, help="for each target")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    if unknown := [name for name in given.targets if name not in TARGETS]:
        parser.error(f"there is no target {', '.join(unknown)}")
    print("  ".join(f"{name:>11}" for name in _HEADINGS), flush=True)
    is_clean = True
    for name in given.targets or TARGETS:
        row = fuzz(TARGETS[name], given.seconds, given.folder / name)
        print("  ".join(f"{cell:>11}" for cell in row), flush=True)
        is_clean &= row[-1] == "0"
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
