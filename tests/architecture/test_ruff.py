"""Ruff, as it is configured, refuses what the house bans; tried on planted text."""

import json
import subprocess
import sys

import pytest

from tests.architecture.source import ROOT

pytestmark = pytest.mark.component  # runs other programs
RUFF = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "json"]
LONG = "\n".join(f"    if x == {n}:\n        x += {n}" for n in range(11))
PLANTED = {
    "TID251": [
        "from datetime import datetime\n\nAT = datetime.now()\n",
        "import time\n\nAT = time.time()\n",
        "import time\n\ntime.sleep(1)\n",
        "import os\n\nHOME = os.environ['HOME']\n",
        "import os\n\nos.replace('a', 'b')\n",
        "import pickle\n",
        "from unittest.mock import patch\n",
        "import random\n\nX = random.random()\n",
    ],
    "C901": [f"def f(x: int) -> int:\n{LONG}\n    return x\n"],
    "BLE001": ["try:\n    x = 1\nexcept Exception:\n    x = 2\n"],
    "T201": ["print(1)\n"],
    "TID252": ["from . import x\n"],
    "S602": ["import subprocess\n\nsubprocess.run('ls', shell=True)\n"],
    "PLR0913": ["def f(a: int, b: int, c: int, d: int, e: int, g: int, h: int) -> None:\n    pass\n"],
    "D100": ["x = 1\n"],
}


@pytest.mark.asvs("1.2.5", "1.5.2")
@pytest.mark.parametrize(
    ("code", "text"), [(code, text) for code, texts in PLANTED.items() for text in texts]
)
def test_ruff_refuses(code: str, text: str) -> None:
    done = subprocess.run(
        [*RUFF, "--stdin-filename", "src/andon/units/planted.py", "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert code in {each["code"] for each in json.loads(done.stdout)}, done.stdout + done.stderr
