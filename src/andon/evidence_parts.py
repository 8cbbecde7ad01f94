"""The plant's own sources of evidence, as the settings name them. A part of the composition root."""

from pathlib import Path

from andon.evidence.prometheus import PrometheusEvidence, Server
from andon.evidence.sql import SqlEvidence
from andon.kernel.clock import Clock
from andon.kernel.errors import InvalidInput
from andon.kernel.tls import client_context
from andon.seen import Outside
from andon.settings import EvidenceSettings


def outside_of(settings: EvidenceSettings, clock: Clock) -> Outside:
    """Databases and Prometheus; nothing is connected yet.

    Raises:
        InvalidInput: a URL, the token or the certificates cannot be read.
    """
    trust = settings.prometheus_ca
    server = Server(
        settings.prometheus, _token(settings.prometheus_token_file), client_context(trust) if trust else None
    )
    urls = {name: url.get_secret_value() for name, url in settings.databases.items()}
    return Outside(
        SqlEvidence(urls, clock, patience=settings.patience),
        PrometheusEvidence(server, clock, patience=settings.patience),
    )


def _token(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text().strip()
    except OSError as error:
        raise InvalidInput(
            "no-token-file",
            f"the token of Prometheus cannot be read: {error}",
            hint="ANDON_EVIDENCE__PROMETHEUS_TOKEN_FILE names a file that Andon's user can read",
        ) from error
