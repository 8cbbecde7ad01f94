"""What everything in the MES stands on: clock, errors with bilingual words, logging."""
