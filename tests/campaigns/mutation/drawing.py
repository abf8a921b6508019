"""Mutants drawn at random from the code of a room."""

from __future__ import annotations

import ast
import difflib
import random
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).parents[3]
FRAMEWORK = ROOT / "framework" / "flowrun"
# Of None, True and classes, of which `is` is asked, `==` says the same.
_WITHOUT_EFFECT = ("ComparisonOperator_Is_Eq", "ComparisonOperator_IsNot_NotEq")
# Those that need to be told what to insert are left out.
OPERATORS = {name: get_operator(name) for name in operator_names()}
OPERATORS = {
    name: one()
    for name, one in OPERATORS.items()
    if not one.arguments() and not name.endswith(_WITHOUT_EFFECT)
}


class Mutant(NamedTuple):
    """One change: the file below the framework, its line, the operator, and the code after it."""

    file: str
    line: int
    operator: str
    code: str

    def diff(self) -> str:
        """The lines that differ."""
        old = (FRAMEWORK / self.file).read_text(encoding="utf-8")
        lines = difflib.unified_diff(old.splitlines(), self.code.splitlines(), n=0, lineterm="")
        return "\n".join(line for line in list(lines)[2:] if line[0] in "+-")


def drawn(room: str, count: int, seed: int) -> list[Mutant]:
    """Mutants of a room: the places are drawn first, and for each place one of its operators.

    A binary operator can be replaced by many others; were mutants drawn from all that there are,
    most would be of that sort.
    """
    generator = random.Random(f"{seed} {room}")
    places = sorted(_places(room).items())
    generator.shuffle(places)
    found: list[Mutant] = []
    for (file, line, _), ways in places:
        operator, occurrence = generator.choice(ways)
        text = (FRAMEWORK / file).read_text(encoding="utf-8")
        code = mutate_code(text, OPERATORS[operator], occurrence)
        if code is not None and _meaning(code) not in (None, _meaning(text)):
            found.append(Mutant(file, line, operator, code))
        if len(found) == count:
            break
    return found


Places = dict[tuple[str, int, int], list[tuple[str, int]]]  # operators by file, line and column


def _places(room: str) -> Places:
    found: Places = {}
    for path in sorted((FRAMEWORK / room).rglob("*.py")):
        file = str(path.relative_to(FRAMEWORK))
        nodes = list(ast_nodes(get_ast_from_path(path)))
        for name, operator in OPERATORS.items():
            starts = (start for node in nodes for start, _ in operator.mutation_positions(node))
            for occurrence, (line, column) in enumerate(starts):
                found.setdefault((file, line, column), []).append((name, occurrence))
    return found


def _meaning(code: str) -> str | None:
    """The code without what no result depends on: annotations, and `gc` of a struct, for speed.

    None for a text that is not Python: `if not x := y` is noticed by everybody.
    """
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.ClassDef):
            node.keywords = [one for one in node.keywords if one.arg != "gc"]
    return ast.dump(tree)
