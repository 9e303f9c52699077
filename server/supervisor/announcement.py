"""The lines on the terminal that invite to a first request. Knows addresses and model names, no processes."""

from __future__ import annotations

import ipaddress
import json
import shlex
import socket
from collections.abc import Sequence

from server.chat_page import HOW_TO_BUILD


def invitation(url: str, model_id: str, headers: Sequence[str] = (), has_page: bool = False) -> str:
    """Lines to print once `model_id`, the default model, answers at `url` (`http://...`, or `unix:/path`)."""
    line = f"  {curl_line(url, headers)}\n"
    if not has_page:
        return f"\n{model_id} is ready. Try it:\n\n{line}\nThere is no chat page yet: `{HOW_TO_BUILD}` makes it.\n"
    if url.startswith("unix:"):  # which no browser reaches
        return f"\n{model_id} is ready. Try it:\n\n{line}"
    return f"\n{model_id} is ready. Chat with it at\n\n  {url}/\n\nor ask it from a program:\n\n{line}"


def curl_line(url: str, headers: Sequence[str] = ()) -> str:
    """A shell command that asks the default model something, with further headers."""
    body = json.dumps({"messages": [{"role": "user", "content": "Why is the sky blue?"}]})
    path = url.removeprefix("unix:")
    target = f"--unix-socket {shlex.quote(path)} http://localhost" if path != url else url
    options = " ".join(f"-H {shlex.quote(header)}" for header in ("Content-Type: application/json", *headers))
    return f"curl {target}/v1/chat/completions {options} -d '{body}'"


def listener_url(listener: socket.socket) -> str:
    """Where clients of this machine reach a listening socket: `http://127.0.0.1:8000`, or `unix:/path`."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        address = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    return f"http://[{address}]:{port}" if address.version == 6 else f"http://{address}:{port}"
