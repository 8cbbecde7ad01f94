"""The application that is frozen: a small station program and its data; version 2 changes nine files."""

import random
from pathlib import Path

MAIN = """
import sys

import numpy as np
from PySide6.QtWidgets import QApplication, QLabel

import limits


def main() -> int:
    application = QApplication(sys.argv)
    found = limits.judge(np.linspace(0.0, 1.0, 1000))
    label = QLabel(f"station {limits.VERSION}: {found}")
    label.show()
    return application.exec()


if __name__ == "__main__":
    sys.exit(main())
"""

LIMITS = '''
"""What passes."""

VERSION = "1.{version}.0"
LOW, HIGH = 0.{version}1, 0.9{version}


def judge(values):
    """The share of values within the limits, with what is out of them."""
    within = (values >= LOW) & (values <= HIGH)
    return float(within.mean()), values[~within][: {version}]
'''

RECIPES, CHANGED_RECIPES, PICTURES, CHANGED_PICTURES = 40, 6, 24, 2


def write(folder: Path, version: int) -> Path:
    """Write the application's sources and data into `folder`; gives its main file."""
    data = folder / "data"
    data.mkdir(parents=True)
    for number in range(RECIPES):
        chance = random.Random(number)
        rows = [f"step-{n},{chance.uniform(0, 5):.4f},{chance.uniform(5, 10):.4f}\n" for n in range(400)]
        if version > 1 and number < CHANGED_RECIPES:
            rows[number * 7] = "step-new,0.5000,9.5000\n"
        (data / f"recipe-{number:02}.csv").write_text("".join(rows), encoding="utf-8")
    for number in range(PICTURES):  # what is packed already: pictures, fonts, models
        whole = version if number < CHANGED_PICTURES else 1
        (data / f"picture-{number:02}.bin").write_bytes(random.Random(f"{number}-{whole}").randbytes(2000))
    (folder / "limits.py").write_text(LIMITS.format(version=version), encoding="utf-8")
    main = folder / "main.py"
    main.write_text(MAIN, encoding="utf-8")
    return main
