"""Where the server listens: `host:port` or `unix:/path`, as gunicorn spells them.

Knows nothing of sockets: names are not resolved, so every host name but `localhost` counts as reachable from outside.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

MAX_UNIX_PATH_BYTES = 107

EXPECTED = "must be host:port, such as 127.0.0.1:8000 or [::1]:8000, or unix:/path/of/a/socket"


@dataclass(frozen=True)
class TcpAddress:
    host: str
    port: int
    """0 lets the system choose a free port."""

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True)
class UnixAddress:
    path: str

    @property
    def is_loopback(self) -> bool:
        return True


def parse_bind(text: str) -> TcpAddress | UnixAddress:
    """Raise ValueError with a sentence for the operator when `text` is no address."""
    if text.startswith("unix:"):
        return _unix_address(text[len("unix:") :])
    match = re.fullmatch(r"(?:\[(?P<v6>[0-9A-Fa-f:.%]+)\]|(?P<name>[^\s:/\[\]]+)):(?P<port>[0-9]{1,5})", text)
    if match is None:
        raise ValueError(EXPECTED)
    port = int(match["port"])
    if port > 65535:
        raise ValueError(f"{EXPECTED}; ports go from 0 (any free one) to 65535, {port} is none")
    return TcpAddress(match["v6"] or match["name"], port)


def _unix_address(path: str) -> UnixAddress:
    num_bytes = len(path.encode())
    if not path.startswith("/") or num_bytes > MAX_UNIX_PATH_BYTES:
        raise ValueError(
            f"the path after unix: must begin with / and have at most {MAX_UNIX_PATH_BYTES} bytes, it has {num_bytes}"
        )
    return UnixAddress(path)
