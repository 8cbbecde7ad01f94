"""Defects, rework, SPC, OEE, reports and recall. English and Korean."""

WORDS: dict[str, tuple[str, str]] = {}
