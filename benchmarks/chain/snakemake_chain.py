"""The chain as rules of Snakemake, with shell commands: a process, or two, for each step.

Kept: every number as a file, and for each of them a record of its rule's code, inputs, parameters
and times; what differs from that runs again. Python code in a rule (`run:`) would start Snakemake
anew for each step, so a shell command is at its best here, and so is the greedy scheduler: the
default one solves an integer programme for every choice, though there is only one job to choose.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.chain.contender import Contender, number_in

SNAKEFILE = """
rule all:
    input:
        "number_STEPS.txt",


rule start:
    output:
        "number_0.txt",
    shell:
        "echo 0 > {output}"


rule add_one:
    input:
        lambda wildcards: f"number_{int(wildcards.step) - 1}.txt",
    output:
        r"number_{step,[1-9][0-9]*}.txt",
    shell:
        "echo $(($(cat {input}) + 1)) > {output}"
"""


def files(steps: int) -> Mapping[str, str]:
    """One rule for all the steps; Snakemake finds out which are needed for the last number."""
    return {"Snakefile": SNAKEFILE.replace("STEPS", str(steps))}


RUN = ("snakemake", "--cores", "1", "--scheduler", "greedy", "--quiet", "all")

CONTENDERS = (
    Contender(
        name="snakemake",
        requirements=("snakemake==9.*",),
        packages=("snakemake",),
        keeps="every number, records of code and inputs",
        files=files,
        first=RUN,
        again=RUN,
        start=("snakemake", "--version"),
        result=number_in("number_{steps}.txt"),
    ),
)
