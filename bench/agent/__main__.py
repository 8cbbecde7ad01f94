"""`python -m bench.agent crashes`: kill the agent in every durable operation of every story."""

import argparse
import logging
import random
import sys
import time

from bench.agent.crashes import Broken, Campaign
from bench.agent.stories import STORIES


def main() -> int:
    """Print a line per story; 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="python -m bench.agent", description=__doc__)
    parser.add_argument("what", choices=["crashes"])
    parser.add_argument("--seeds", type=int, default=6, help="draws of what a power cut loses, per operation")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--story", default="", help="only stories whose name has this in it")
    parser.add_argument("--quick", action="store_true", help="one draw")
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    stories = [each for each in STORIES if given.story in each.name]
    campaign, draw = Campaign(stories), random.Random(given.seed)
    broken = total = 0
    for story in stories:
        begun, count, bad = time.perf_counter(), 0, 0
        for case in campaign.every(story, 1 if given.quick else given.seeds, draw):
            count += 1
            try:
                campaign.run(case)
            except Broken as error:
                bad += 1
                if bad <= 5:
                    print(f"  BROKEN {error}"[:400])
        seconds = time.perf_counter() - begun
        operations = campaign.operations[story.name]
        print(f"{story.name:44} {operations:4} operations {count:6} deaths {bad:4} broken {seconds:6.1f} s")
        broken, total = broken + bad, total + count
    print(f"{total} deaths, {broken} broken promises")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
