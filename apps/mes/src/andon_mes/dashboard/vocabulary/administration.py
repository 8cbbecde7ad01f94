"""Users, devices, configuration, import and export, audit. English and Korean."""

WORDS: dict[str, tuple[str, str]] = {}
