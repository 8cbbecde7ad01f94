"""Who asked for what, and what went wrong: written in batches, beside the requests."""
