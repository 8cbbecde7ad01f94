"""Exit codes, the same for every command: they tell good, bad and inconclusive apart."""

GOOD = 0
BAD = 1  # refused, failed, or a release that came back
INPUT = 2  # the command line or a file says something that cannot be
INCONCLUSIVE = 3  # still under way, held, or given up for want of evidence
