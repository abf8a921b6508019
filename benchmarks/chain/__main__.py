"""`python -m benchmarks.chain`: time a chain of trivial steps in flowrun and in other tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chain import (
    doit_chain,
    dvc_chain,
    flowrun_chain,
    hamilton_chain,
    kedro_chain,
    luigi_chain,
    snakemake_chain,
)
from benchmarks.chain.contender import Contender
from benchmarks.chain.trial import Measured, Trial
from benchmarks.environments import (
    CHECKOUT,
    Environment,
    NotInstalledError,
    make,
    make_flowrun,
)
from benchmarks.tables import bullets, progress, publish, table
from benchmarks.timing import Spread, interleaved, machine

MODULES = (
    flowrun_chain,
    doit_chain,
    hamilton_chain,
    kedro_chain,
    luigi_chain,
    snakemake_chain,
    dvc_chain,
)
CONTENDERS: dict[str, Contender] = {
    contender.name: contender for module in MODULES for contender in module.CONTENDERS
}
HEADS = (
    "contender",
    "steps",
    "first run, s",
    "no-change rerun, s",
    "start-up, s",
    "per step, ms",
    "what is kept",
)
ABOUT = """\
# A chain of trivial steps

Wall seconds of whole processes: median (minimum to maximum). Counted rounds: {runs}, after a
warm-up; in each the contenders take turns. The chain is one step that gives 0, and then `steps`
steps that add one each; the result of every run is checked. "-" for a rerun: the tool has no
notion of an unchanged run, and does everything again. Per step: the first run less a first run
of 1 step, divided by `steps` - 1."""


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chain", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted rounds (5)")
    parser.add_argument("--steps", type=int, default=200, help="steps of the chain (200)")
    parser.add_argument(
        "--only", nargs="+", choices=CONTENDERS, metavar="NAME", help="of: %(choices)s"
    )
    parser.add_argument("--checkout", type=Path, default=CHECKOUT, help="where flowrun comes from")
    parser.add_argument("--out", type=Path, help="a file for the table as well")
    given = parser.parse_args()
    if given.runs < 1 or given.steps < 1:
        parser.error("--runs and --steps are 1 or more")
    return given


def environments(
    contenders: Sequence[Contender], checkout: Path
) -> tuple[dict[str, Environment], dict[str, str]]:
    """The environments of the contenders, and what is to be said of each: versions, or why not."""
    made: dict[str, Environment] = {}
    versions: dict[str, str] = {}
    for contender in contenders:
        name = contender.environment
        if name in versions:
            continue
        try:
            if contender.requirements:
                environment = Environment(name, contender.requirements, contender.packages)
                make(environment)
                versions[name] = environment.versions()
            else:
                environment, versions[name] = make_flowrun(checkout.resolve())
            made[name] = environment
        except NotInstalledError as error:
            versions[name] = f"could not be installed: {error}"
    return made, versions


def row(trial: Trial, rounds: Sequence[Measured]) -> list[str]:
    """The line of one contender."""
    again = [seconds for found in rounds if (seconds := found.again) is not None]
    per_step = [seconds for found in rounds if (seconds := found.per_step) is not None]
    return [
        trial.contender.name,
        str(trial.steps),
        Spread.of(found.first for found in rounds).text(),
        Spread.of(again).text() if again else "-",
        Spread.of(found.start for found in rounds).text(),
        Spread.of(per_step).text(digits=2, scale=1000) if per_step else "-",
        trial.contender.keeps,
    ]


def main() -> int:
    """Make the environments, warm up, measure, and write the table."""
    given = arguments()
    facts = machine()
    contenders = [CONTENDERS[name] for name in given.only or CONTENDERS]
    made, versions = environments(contenders, given.checkout)
    trials: dict[str, Trial] = {}
    missing: dict[str, str] = {}
    for contender in contenders:
        environment = made.get(contender.environment)
        if not environment:
            missing[contender.name] = versions[contender.environment]
            continue
        progress(f"warm-up: {contender.name}")
        trial = Trial(contender, environment, given.steps)
        found = trial.warm_up()
        if isinstance(found, str):
            missing[contender.name] = f"failed: {found}"
        else:
            trials[contender.name] = trial
    rounds = interleaved({name: trials[name].attempt for name in trials}, given.runs, progress)
    rows = []
    for name, results in rounds.items():
        problems = [result for result in results if isinstance(result, str)]
        if problems:
            missing[name] = f"failed: {problems[0]}"
        else:
            measured = [result for result in results if isinstance(result, Measured)]
            rows.append(row(trials[name], measured))
    rows += [[name, *["-"] * (len(HEADS) - 2), why] for name, why in missing.items()]
    parts = [ABOUT.format(runs=given.runs), table(HEADS, rows), bullets(versions), bullets(facts)]
    publish("\n\n".join(parts), given.out)
    # A tool that is not available here is said to be missing; one that fails is a mistake.
    return int(any(why.startswith("failed") for why in missing.values()))


if __name__ == "__main__":
    sys.exit(main())
