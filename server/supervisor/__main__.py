"""The supervisor process: `python -m server.supervisor`, with its config as the first line of standard input.

It ends, and its engines and the runtime directory with it, when standard input does.
"""

from __future__ import annotations

import sys

import msgspec

from server.logs import start_logging
from server.supervisor.config import SupervisorConfig
from server.supervisor.supervisor import Supervisor

LIFELINE_FD = 0


def main() -> None:
    """Read the config and supervise."""
    with open(LIFELINE_FD, "rb", buffering=0, closefd=False) as lifeline:
        line = lifeline.readline()
    if not line.endswith(b"\n"):
        sys.exit("python -m server.supervisor is started by gunicorn, see gunicorn.conf.py")
    config = msgspec.json.decode(line, type=SupervisorConfig)
    start_logging(config.log_level)
    Supervisor(config, LIFELINE_FD).run()


if __name__ == "__main__":
    main()
