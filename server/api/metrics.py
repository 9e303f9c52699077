"""`GET /metrics`: what the engines have done, for Prometheus."""

from __future__ import annotations

from flask import Blueprint, Response

from server.api.services import services

blueprint = Blueprint("metrics", __name__)

PATIENCE_SECONDS = 2.0
"""How long an engine may take to answer; it answers in the middle of a step, too, unless it hangs."""


@blueprint.get("/metrics")
def get_metrics() -> Response:
    """Numbers of every model; of one that is not loaded, only that."""
    # Loaded by the first scrape: most servers are never scraped.
    from server.backends.local.metrics import CONTENT_TYPE_LATEST, exposition

    stats = {engine.id: engine.read_stats(PATIENCE_SECONDS) for engine in services().engines}
    return Response(exposition(stats), content_type=CONTENT_TYPE_LATEST)
