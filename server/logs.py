"""How log lines look, in every process that is not an engine: as gunicorn's own, which stand beside them."""

from __future__ import annotations

import logging

FORMAT = "%(asctime)s [%(process)d] [%(levelname)s] %(message)s"
DATE_FORMAT = "[%Y-%m-%d %H:%M:%S %z]"


def start_logging(level: str) -> None:
    """Write what is at least as severe as `level` ("info") to stderr. May be called again with another level."""
    logging.basicConfig(level=level.upper(), format=FORMAT, datefmt=DATE_FORMAT, force=True)
