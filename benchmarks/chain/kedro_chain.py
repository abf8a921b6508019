"""The chain as a Kedro project: what `kedro new` makes, less the files that no run reads.

Three ways of using it:

- `kedro`: numbers are handed on in memory, as Kedro does with what the catalogue does not name.
  Kept: the last number, as JSON. Kedro has no notion of an unchanged pipeline, so a run again
  does everything again.
- `kedro-kept`: the catalogue keeps every number as JSON, and `--only-missing-outputs` skips the
  nodes whose outputs exist. It looks at that alone, not at whether code or parameters changed.
- `kedro-logging`: as `kedro`, with the logging that a new project has. It prints some lines for
  each node, nicely set, which takes longer than the nodes; the other two are at their best and log
  warnings only, by the project file that Kedro documents for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.chain.contender import Contender, number_in

PROJECT = """
[tool.kedro]
package_name = "chain"
project_name = "chain"
kedro_init_version = "1.7.0"
source_dir = "src"
"""

SETTINGS = """
CONFIG_LOADER_ARGS = {"base_env": "base", "default_run_env": "local"}
"""

REGISTRY = """
from kedro.framework.project import find_pipelines
from kedro.pipeline import Pipeline


def register_pipelines() -> dict[str, Pipeline]:
    pipelines = find_pipelines(raise_errors=True)
    pipelines["__default__"] = sum(pipelines.values())
    return pipelines
"""

NODES = """
def start() -> int:
    return 0


def add_one(number: int) -> int:
    return number + 1
"""

PIPELINE = """
from kedro.pipeline import Node, Pipeline

from .nodes import add_one, start


def create_pipeline(**kwargs) -> Pipeline:
    nodes = [Node(start, inputs=None, outputs="number_0", name="start")]
    for step in range(1, {steps} + 1):
        name = f"add_one_{step}"
        nodes.append(Node(add_one, f"number_{step - 1}", f"number_{step}", name=name))
    return Pipeline(nodes)
"""

LOGGING = """
version: 1
disable_existing_loggers: false
handlers:
  console:
    class: logging.StreamHandler
root:
  level: WARNING
  handlers: [console]
"""

LAST_NUMBER = """
number_{steps}:
  type: json.JSONDataset
  filepath: data/number_{steps}.json
"""

# A dataset factory: one entry for all the names that fit.
EVERY_NUMBER = """
"number_{step}":
  type: json.JSONDataset
  filepath: data/number_{step}.json
"""


def new_project(steps: int) -> Mapping[str, str]:
    """The project with the logging of a new one."""
    pipeline = "src/chain/pipelines/adding"
    return {
        "pyproject.toml": PROJECT,
        "conf/base/catalog.yml": LAST_NUMBER.replace("{steps}", str(steps)),
        "conf/base/parameters.yml": "",
        "conf/local/credentials.yml": "",
        "src/chain/__init__.py": "",
        "src/chain/settings.py": SETTINGS,
        "src/chain/pipeline_registry.py": REGISTRY,
        "src/chain/pipelines/__init__.py": "",
        f"{pipeline}/__init__.py": "from .pipeline import create_pipeline\n",
        f"{pipeline}/nodes.py": NODES,
        f"{pipeline}/pipeline.py": PIPELINE.replace("{steps}", str(steps)),
    }


def in_memory(steps: int) -> Mapping[str, str]:
    """The project at its quickest."""
    return {**new_project(steps), "conf/logging.yml": LOGGING}


def kept(steps: int) -> Mapping[str, str]:
    """The project that keeps every number."""
    return {**in_memory(steps), "conf/base/catalog.yml": EVERY_NUMBER}


REQUIREMENTS = ("kedro==1.7.*", "kedro-datasets==9.*")
PACKAGES = ("kedro",)
RESULT = number_in("data/number_{steps}.json")
START = ("kedro", "--version")

CONTENDERS = (
    Contender(
        name="kedro",
        requirements=REQUIREMENTS,
        packages=PACKAGES,
        keeps="the last number",
        files=in_memory,
        first=("kedro", "run"),
        start=START,
        result=RESULT,
    ),
    Contender(
        name="kedro-kept",
        requirements=REQUIREMENTS,
        packages=PACKAGES,
        keeps="every number; skips by existence alone",
        files=kept,
        first=("kedro", "run"),
        again=("kedro", "run", "--only-missing-outputs"),
        start=START,
        result=RESULT,
    ),
    Contender(
        name="kedro-logging",
        requirements=REQUIREMENTS,
        packages=PACKAGES,
        keeps="the last number; with the logging of a new project",
        files=new_project,
        first=("kedro", "run"),
        start=START,
        result=RESULT,
    ),
)
