"""structlog over logging: a constant event plus keys, JSON in files, colour on a terminal. Never a secret.

Every record, ours and a vendor's, passes `redaction.py` as the last step before it becomes text.
"""

import logging
import logging.handlers
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import structlog

from andon.kernel import redaction

_ROTATE_BYTES = 50_000_000
_KEEP_FILES = 10
_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.StackInfoRenderer(),
]


class _Careful(logging.Handler):
    """A record that cannot be written is named, not shown: the standard library would print its arguments."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the standard library's name
        """Say on standard error that a record was lost."""
        if sys.stderr is not None:
            kind = (sys.exc_info()[0] or Exception).__name__
            sys.stderr.write(
                f"a log record of {record.name} was lost ({kind}, {record.pathname}:{record.lineno})\n"
            )


class _Telling(_Careful, logging.StreamHandler[TextIO]):
    """To a person."""


class _Keeping(_Careful, logging.handlers.RotatingFileHandler):
    """To a file."""


def configure(*, level: str = "INFO", file: Path | None = None) -> None:
    """Send logs to `file` as JSON (rotated at 50 MB, 10 kept), or to standard error for a person."""
    handler: _Telling | _Keeping
    renderer: structlog.typing.Processor
    if file is None:
        handler = _Telling(sys.stderr)
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = _Keeping(file, maxBytes=_ROTATE_BYTES, backupCount=_KEEP_FILES, encoding="utf-8")
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redacted,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "aiosqlite", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def get(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module; pass `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


@contextmanager
def about(**keys: str) -> Iterator[None]:
    """What is logged in this block says these keys, too."""
    with structlog.contextvars.bound_contextvars(**keys):
        yield


def _redacted(
    _logger: structlog.typing.WrappedLogger, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    return {key: redaction.clean_value(value, key=key) for key, value in event.items()}
