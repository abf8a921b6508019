"""Prints what a check says of all models and their mistakes, and of each that it does not find."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.campaigns.models import MODELS
from tests.campaigns.models.model import verdict_on


def main() -> None:
    """Check every model, right and with each of its mistakes."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        for number, model in enumerate(MODELS):
            home = Path(folder) / str(number)
            verdict, findings = verdict_on(model.write(home / "right"))
            right[verdict] += 1
            if verdict != "nothing":
                print(f"{model.title}: {verdict}", *(one["text"] for one in findings), sep="\n")
            for place, mistake in enumerate(model.mistakes):
                verdict, findings = verdict_on(model.write(home / str(place), mistake))
                wrong[verdict] += 1
                if verdict not in ("error", "warning"):
                    print(f"{model.title}: {mistake.title}: {verdict}")
    print(f"{len(MODELS)} models: {dict(right)}")
    print(f"{sum(wrong.values())} mistakes: {dict(wrong)}")


if __name__ == "__main__":
    main()
