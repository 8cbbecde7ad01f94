"""What everything stands on: clock, ids, errors, files, supervise, logging. Imports nothing of Andon."""
