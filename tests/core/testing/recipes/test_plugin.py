"""pytest on a folder of recipes: what is collected, chosen, skipped, and how failures read."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.core.testing.recipes.conftest import GOOD, Pytest

Write = Callable[[str, str], Path]


def ids(output: str) -> list[str]:
    """The tests that `--collect-only -q` lists."""
    return [line for line in output.splitlines() if "::" in line]


def test_each_value_of_which_something_is_expected_is_a_test(
    run_pytest: Pytest, write: Write
) -> None:
    write("recipes/good.yaml", GOOD)
    done = run_pytest("--collect-only", "-q", "recipes")
    assert ids(done.stdout) == [
        "recipes/good.yaml::value.mae",
        "recipes/good.yaml::value.losses[-1]",
    ]


def test_a_recipe_that_expects_nothing_is_a_test_that_it_runs(
    run_pytest: Pytest, write: Write
) -> None:
    write("a.yaml", "recipe: a\nplugins: [./steps.py]\nsteps: [give: {value: 1}]\n")
    write("b.yml", "recipe: b\nplugins: [./steps.py]\nsteps: [give: {value: 1}, break_down]\n")
    done = run_pytest("-v")
    assert "a.yaml::runs PASSED" in done.stdout
    assert "b.yml::runs FAILED" in done.stdout


OTHERS = {
    "no key of that name": "name: x\nsteps: []\n",
    "the key further in": "jobs:\n  recipe: x\n  steps: [a]\n",
    "a mapping under the key": "recipe:\n  name: bread\n  flour: 500\n",
    "a CI file": "on: [push]\njobs:\n  test:\n    steps:\n      - run: echo 'recipe: x'\n",
    "broken": "a: [1, 2\nb: }{\n",
    "the word in a comment": "# recipe: x\nvalues: [1]\n",
    "the word in a text": "about: |\n  recipe: x\n  steps: []\n",
    "not text": "\x00\x01\x02",
    "large": "numbers:\n" + "- 12345\n" * 400_000,
    "nothing": "",
    "JSON of another kind": '{"name": {"recipe": "x"}, "steps": []}',
}


def test_no_other_yaml_file_is_collected(run_pytest: Pytest, write: Write) -> None:
    for number, text in enumerate(OTHERS.values()):
        write(f"other_{number}.yaml", text)
    (Path.cwd() / "folder.yaml").mkdir()
    done = run_pytest("--collect-only", "-q")
    assert ids(done.stdout) == []
    assert "error" not in done.stdout.lower()


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        "\ufeff" + GOOD,
        "# a comment\n" + GOOD.replace("recipe:", '"recipe":'),
        GOOD.replace("recipe: good\n", "") + "recipe: good\n",
        '{"recipe": "good", "plugins": ["./steps.py"],'
        ' "steps": [{"give": {"value": {"mae": 0.5}}}], "expect": {"value.mae": {"below": 1}}}',
    ],
    ids=["usual", "byte order mark", "quoted", "the key at the end", "JSON"],
)
def test_a_recipe_is_collected_however_it_is_written(
    text: str, run_pytest: Pytest, write: Write
) -> None:
    write("good.yaml", text)
    done = run_pytest("-q")
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_a_failure_says_where_what_and_how_to_see_it_again(
    run_pytest: Pytest, write: Write
) -> None:
    write("recipes/good.yaml", GOOD.replace("0.6", "0.45").replace("./steps", "../steps"))
    done = run_pytest("recipes")
    assert done.returncode == 1
    report = done.stdout.partition("good: value.mae ____")[2].partition("====")[0]
    assert report.strip("_\n").splitlines() == [
        "recipes/good.yaml:6:3: `value.mae` is not as expected",
        "  6 |   value.mae: {below: 0.45, above: 0.4}",
        "    |   ^",
        "    step        give (recipes/good.yaml:4:5)",
        "    found       0.5",
        "    wanted      below 0.45",
        "    difference  off by 0.05",
        "    run again   flowrun recipes/good.yaml",
    ]
    assert "Traceback" not in done.stdout
    assert "1 failed, 1 passed" in done.stdout


def test_what_is_wrong_with_a_recipe_is_told_as_flowrun_tells_it(
    run_pytest: Pytest, write: Write
) -> None:
    write("typo.yaml", GOOD.replace("- give", "- gvie"))
    write("yaml.yaml", "recipe: yaml\nsteps: [a\nexpect: 1\n")
    write("wheel.yaml", GOOD.replace("expect:", "  - break_down\nexpect:"))
    done = run_pytest()
    assert "typo.yaml:4:5: there is no step `gvie`" in done.stdout
    assert "did you mean `give`?" in done.stdout
    assert "yaml.yaml::runs" in done.stdout
    assert "wheel.yaml:5:5: the step `break_down` failed" in done.stdout
    assert "ValueError: the wheel came off" in done.stdout
    assert "as reported for wheel.yaml::value.mae" in done.stdout
    assert "Traceback" not in done.stdout
    assert "5 failed" in done.stdout


def test_tests_are_chosen_by_words_tags_and_ids(run_pytest: Pytest, write: Write) -> None:
    write("good.yaml", GOOD)
    write("slow.yaml", GOOD.replace("recipe: good", "recipe: slow\ntags: [slow, wine]"))
    for arguments, count in (
        (["-m", "slow"], 2),
        (["-m", "not slow"], 2),
        (["-m", "slow and wine", "-k", "mae"], 1),
        (["-k", "losses"], 2),
        (["slow.yaml::value.losses[-1]"], 1),
        (["good.yaml"], 2),
    ):
        done = run_pytest("-q", "--strict-markers", *arguments)
        assert f"{count} passed" in done.stdout, arguments


def test_the_first_failure_ends_the_session_where_that_is_asked_for(
    run_pytest: Pytest, write: Write
) -> None:
    write("a.yaml", GOOD.replace("0.6", "0.45"))
    write("b.yaml", GOOD)
    assert "1 failed in" in run_pytest("-x").stdout


def test_recipes_are_tested_beside_python_tests(run_pytest: Pytest, write: Write) -> None:
    write("good.yaml", GOOD)
    write("test_sum.py", "def test_sum():\n    assert 1 + 1 == 2\n")
    assert "3 passed" in run_pytest().stdout


@pytest.mark.parametrize(
    "setting", ["needs: xpu", "device: xpu", "tags: [xpu]", "tags: xpu\ndevice: cpu"]
)
def test_a_recipe_is_skipped_where_its_device_is_not_there(
    setting: str, run_pytest: Pytest, write: Write
) -> None:
    write("good.yaml", GOOD.replace("plugins", f"{setting}\nplugins"))
    done = run_pytest("-rs")
    assert done.returncode == 0
    assert "2 skipped" in done.stdout
    reason = r"SKIPPED \[1\] good.yaml:\d+: needs xpu, and this machine has: "
    assert len(re.findall(reason, done.stdout)) == 2


def test_a_step_whose_device_is_not_there_skips_too(run_pytest: Pytest, write: Write) -> None:
    write("good.yaml", GOOD.replace("expect:", "    device: xpu:3\nexpect:"))
    assert "needs xpu:3, and this machine has" in run_pytest("-rs").stdout


WINE = """\
recipe: wine
steps:
  - load: {source: wine-red}
expect:
  data: {shape: [1599, 12]}
"""


def test_simulated_data_is_warned_of(run_pytest: Pytest, write: Write) -> None:
    write("wine.yaml", WINE)
    done = run_pytest()
    assert "1 passed" in done.stdout
    assert "SIMULATED STAND-IN for wine-red" in done.stdout


def test_a_recipe_is_skipped_where_no_standin_may_take_the_place_of_its_data(
    run_pytest: Pytest, write: Write
) -> None:
    write("wine.yaml", WINE)
    done = run_pytest("-rs", "--recipe-no-standin")
    assert "1 skipped" in done.stdout
    assert "the data set `wine-red` is not available" in done.stdout


def test_a_file_that_is_not_there_is_no_reason_to_skip(run_pytest: Pytest, write: Write) -> None:
    write("wine.yaml", WINE.replace("wine-red", "none.csv"))
    assert "1 failed" in run_pytest().stdout


def test_a_recipe_runs_once_whatever_it_expects(run_pytest: Pytest, write: Write) -> None:
    write("good.yaml", GOOD)
    run_pytest("--recipe-fresh")
    assert Path(os.environ["CALLS"]).read_text().count("give") == 1


def test_a_repeated_test_is_answered_from_the_store(run_pytest: Pytest, write: Write) -> None:
    write("good.yaml", GOOD)
    for _ in range(2):
        assert "2 passed" in run_pytest().stdout
    assert Path(os.environ["CALLS"]).read_text().count("give") == 1
    run_pytest("--recipe-fresh")
    assert Path(os.environ["CALLS"]).read_text().count("give") == 2


@pytest.mark.parametrize("spread", ["load", "loadgroup", "loadfile"])
def test_xdist_spreads_the_tests_and_the_recipe_still_runs_once(
    spread: str, run_pytest: Pytest, write: Write
) -> None:
    write("good.yaml", GOOD)
    done = run_pytest("-n", "2", f"--dist={spread}", "--strict-markers")
    assert "2 passed" in done.stdout
    assert Path(os.environ["CALLS"]).read_text().count("give") == 1


def test_the_report_in_xml_has_each_test_and_what_failed(run_pytest: Pytest, write: Write) -> None:
    write("good.yaml", GOOD.replace("0.6", "0.45"))
    run_pytest("--junitxml=report.xml")
    cases = {case.attrib["name"]: case for case in ElementTree.parse("report.xml").iter("testcase")}
    assert list(cases) == ["value.mae", "value.losses[-1]"]
    (failure,) = cases["value.mae"].iter("failure")
    assert "wanted      below 0.45" in (failure.text or "")


def test_a_recipe_that_extends_another_is_tested_with_all_it_expects(
    run_pytest: Pytest, write: Write
) -> None:
    write("good.yaml", GOOD)
    write("base/part.yaml", "plugins: [../steps.py]\nsteps: [give: {value: {mae: 1}}]\n")
    write("child.yaml", "recipe: child\nextends: good.yaml\nexpect:\n  value.mae: {below: 0.3}\n")
    write("of_part.yaml", "extends: base/part.yaml\nrecipe: of_part\n")
    done = run_pytest("-v")
    assert "child.yaml::value.mae FAILED" in done.stdout
    assert "child.yaml::value.losses[-1] PASSED" in done.stdout
    assert "of_part.yaml::runs PASSED" in done.stdout
    assert "part.yaml::" not in done.stdout.replace("of_part.yaml::", "")
    assert "child.yaml:4:3: `value.mae` is not as expected" in done.stdout


def test_a_failure_that_is_expected_is_a_test(run_pytest: Pytest, write: Write) -> None:
    text = GOOD.replace("expect:", "  - break_down\nexpect:")
    write("good.yaml", text + "  error: {step: break_down, matches: wheel}\n")
    assert "3 passed" in run_pytest().stdout
    write("good.yaml", text + "  error: {step: break_down, matches: axle}\n")
    done = run_pytest()
    assert "wanted      `break_down` fails with a message that matches `axle`" in done.stdout


def test_a_start_without_recipes_imports_nothing_of_flowrun_but_the_plugin_itself(
    run_pytest: Pytest, write: Write
) -> None:
    write("other.yaml", "name: x\n")
    write(
        "test_modules.py",
        "import sys\n\ndef test_modules():\n"
        "    loaded = {name for name in sys.modules if name.startswith('flowrun.')}\n"
        "    allowed = {'testing', 'testing.recipes', 'testing.recipes.plugin',\n"
        "        'testing.recipes.properties', 'recipes', 'recipes.texts',\n"
        "        'values', 'values.files'}\n"
        "    assert loaded <= {f'flowrun.{name}' for name in allowed}\n"
        "    assert not {'torch', 'numpy', 'msgspec', 'yaml', 'click'} & sys.modules.keys()\n",
    )
    done = run_pytest("-p", "no:hypothesispytest", fresh=True)
    assert "1 passed" in done.stdout, done.stdout


def test_no_control_character_reaches_the_lines_of_pytest_or_a_junit_file(
    run_pytest: Pytest, write: Write
) -> None:
    name = "r\x1b[2J\n  expect\u202e.yaml"
    write(name, 'recipe: "n\\e]0;t\\a"\nplugins: [./steps.py]\nsteps: [give: {value: 1}]\n'
                "expect: {value: {equals: 2}}\n")  # fmt: skip
    done = run_pytest("-v", "--junitxml=out.xml", "--color=no")
    shown = r"r\x1b[2J\n  expect\u202e.yaml"
    assert f"{shown}::value FAILED" in done.stdout
    assert f"FAILED {shown}::value" in done.stdout
    text = Path("out.xml").read_text()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text + done.stdout)
    case = next(ElementTree.fromstring(text).iter("testcase"))
    assert case.get("classname") == shown
