"""The endpoints, one file per subject. Each is thin: it reads input, calls a service, gives a view."""
