"""One file per stage. Those that a worker runs have `run(job, cache)`; sign and publish need keys."""
