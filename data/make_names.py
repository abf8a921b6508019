"""Write recipes/names.txt: names of two made-up languages, one name and its language on each line.

The names are drawn from syllables of the project's own making, and are no person's. `python -m
data.make_names` from the top of the checkout writes the same file each time.
"""

from __future__ import annotations

import random
from pathlib import Path

# First, middle and last syllables of each language.
SYLLABLES = {
    "velan": ("ve la mi so nae li ra the", "la ri nu sel va mi lo", "n ra lia sen mir el"),
    "kort": ("ko gru ta dro bak zu ro the", "rt gar ka dok ru lo mi", "k rg t dak zun el"),
    "ishi": ("i shi ka no mu ha ra so", "shi ko na mu ri ta lo", "i ko ta na shi el"),
}
EACH = 400


def names() -> list[str]:
    """The lines of the file: `EACH` different names of each language, in order."""
    generator, lines = random.Random(20260101), []
    for language, syllables in SYLLABLES.items():
        first, middle, last = (part.split() for part in syllables)
        found: set[str] = set()
        while len(found) < EACH:
            inner = [generator.choice(middle) for _ in range(generator.randint(0, 2))]
            found.add("".join([generator.choice(first), *inner, generator.choice(last)]))
        lines += [f"{name} {language}" for name in sorted(found)]
    return lines


if __name__ == "__main__":
    path = Path(__file__).parents[1] / "recipes" / "names.txt"
    path.write_text("\n".join(names()) + "\n", encoding="utf-8")
