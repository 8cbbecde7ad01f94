"""The operator's screen on a station. So far it shows what runs here and how an update stands."""
