"""Make the tables of the recipes `iris` and `passengers`: none of their rows was ever observed.

iris.csv: 50 flowers of each of three species, whose four lengths are independent normal numbers
with the means and deviations that Fisher, "The use of multiple measurements in taxonomic problems",
1936, leads to. Within a species the real lengths depend on each other; these do not.

passengers.csv: a row for each passenger of the Titanic, with class, sex, child or adult, and
survival in the numbers of Dawson, "The 'unusual episode' data revisited", 1995, from the British
Board of Trade's report of 1912. Age in years, fare, port and cabin are drawn by chance, and some of
them left out; so are the numbers of tickets.

    python data/make_tables.py            rewrite the files in recipes/
    python data/make_tables.py --check    exit 1 if they are not what would be made
"""

from __future__ import annotations

import csv
import io
import random
import sys
from pathlib import Path

RECIPES = Path(__file__).resolve().parent.parent / "recipes"

# Mean and deviation in cm of length and width of sepal and petal, by species.
LENGTHS = {
    "setosa": ((5.006, 0.352), (3.428, 0.379), (1.462, 0.174), (0.246, 0.105)),
    "versicolor": ((5.936, 0.516), (2.770, 0.314), (4.260, 0.470), (1.326, 0.198)),
    "virginica": ((6.588, 0.636), (2.974, 0.322), (5.552, 0.552), (2.026, 0.275)),
}
# Survivors and deaths, by class, sex, and whether a passenger was an adult.
COUNTS = {
    ("first", "male", False): (5, 0), ("first", "female", False): (1, 0),
    ("first", "male", True): (57, 118), ("first", "female", True): (140, 4),
    ("second", "male", False): (11, 0), ("second", "female", False): (13, 0),
    ("second", "male", True): (14, 154), ("second", "female", True): (80, 13),
    ("third", "male", False): (13, 35), ("third", "female", False): (14, 17),
    ("third", "male", True): (75, 387), ("third", "female", True): (76, 89),
}  # fmt: skip
FARES = {"first": 80.0, "second": 21.0, "third": 13.0}
PORTS = ("Southampton", "Cherbourg", "Queenstown")

Rows = list[list[object]]


def iris() -> Rows:
    """A line of names, and the flowers by species."""
    draw = random.Random(1936)
    rows: Rows = [["sepal length", "sepal width", "petal length", "petal width", "species"]]
    for species, lengths in LENGTHS.items():
        for _ in range(50):
            drawn = (max(0.1, draw.gauss(mean, deviation)) for mean, deviation in lengths)
            rows.append([*(f"{one:.1f}" for one in drawn), species])
    return rows


def passengers() -> Rows:
    """A line of names, and the passengers in a random order."""
    draw = random.Random(1912)
    rows: Rows = []
    for (travelled, sex, is_adult), (lived, died) in COUNTS.items():
        for survived in ["yes"] * lived + ["no"] * died:
            age = 14 + draw.gammavariate(3, 6) if is_adult else draw.uniform(0.5, 13)
            fare = FARES[travelled] * draw.lognormvariate(0, 0.4)
            ticket = draw.choice(["", "PC ", "A/5 ", "C.A. "]) + str(draw.randint(1000, 399999))
            rows.append([
                travelled, sex, "" if draw.random() < 0.2 else f"{age:.0f}", f"{fare:.2f}",
                "" if draw.random() < 0.01 else draw.choices(PORTS, (70, 20, 10))[0],
                ticket, survived,
            ])  # fmt: skip
    draw.shuffle(rows)
    names = ["id", "class", "sex", "age", "fare", "port", "ticket", "survived"]
    return [names, *([number, *row] for number, row in enumerate(rows, 1))]


def text(rows: Rows) -> str:
    """The rows as CSV."""
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue()


def main() -> int:
    """Write the files, or compare them with what would be written."""
    made = {"iris.csv": text(iris()), "passengers.csv": text(passengers())}
    if sys.argv[1:] != ["--check"]:
        for name, content in made.items():
            (RECIPES / name).write_text(content, encoding="utf-8")
        return 0
    stale = [
        name for name, content in made.items()
        if (RECIPES / name).read_text(encoding="utf-8") != content
    ]  # fmt: skip
    print(*stale, sep="\n", end="", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
