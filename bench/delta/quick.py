"""Small trees for a quick look: generated libraries, texts and a renamed file. Nothing is downloaded."""

import random
from pathlib import Path

from andon.releases.deltas.tests.builds import an_elf, functions


def make(folder: Path) -> tuple[Path, Path]:
    """An old and a new tree in `folder`; made again each time, the same each time."""
    old, new = folder / "old", folder / "new"
    for tree in (old, new):
        (tree / "lib").mkdir(parents=True)
        for number in range(6):
            written = functions(number, 3000)
            if tree is new:
                draw = random.Random(number)
                for each in draw.sample(range(3000), 20):
                    written[each] = written[each][0] + draw.randbytes(80), written[each][1]
            (tree / "lib" / f"lib{number}.so").write_bytes(an_elf(written))
        for number in range(100):
            draw = random.Random(number)
            lines = [f"step {n} {draw.random()}\n" for n in range(200)]
            if tree is new and number < 5:
                lines[50] = "changed\n"
            (tree / f"recipe-{number}.csv").write_text("".join(lines))
        moved = tree / ("moved.bin" if tree is new else "was.bin")
        moved.write_bytes(random.Random(1).randbytes(500_000))
    return old, new
