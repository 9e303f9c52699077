"""Names under which clients may call the server, as they stand in the Host header.

A browser sends the name that stands in the address of a page. An address of numbers belongs to whoever has that
machine, so only names can be pointed at somebody else's.
"""

from __future__ import annotations

import ipaddress
import re

from server.settings.bind import TcpAddress, UnixAddress

ANY = "*"
LOCAL_NAMES = ("localhost", "*.localhost")
"""Names that no other machine can have (RFC 6761, section 6.3)."""

HOST = re.compile(r"(\*\.)?[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?", re.ASCII)
HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(:(?P<port>[0-9]*))?")


def check_host(text: str) -> str:
    """The text, if it can stand in the setting; else raises ValueError."""
    if text != ANY and not HOST.fullmatch(text):
        raise ValueError(f'"{text}" is no name: must be * or like chat.example.com or *.example.com, without a port')
    return text


def default_hosts(auth: str, address: TcpAddress | UnixAddress) -> tuple[str, ...]:
    """What may be called by any name where clients say who they are, and only by local ones where nobody asks them."""
    if auth != "off":
        return (ANY,)
    return (*LOCAL_NAMES, address.host) if isinstance(address, TcpAddress) else LOCAL_NAMES


def split_port(host: str) -> tuple[str, str]:
    """Name and port of a Host header; the port is empty if there is none, the name if nothing is understood."""
    match = HOST_AND_PORT.fullmatch(host)
    return (match["host"], match["port"] or "") if match else ("", "")


def is_host_allowed(host: str, allowed: tuple[str, ...]) -> bool:
    """Whether a request with this Host header is meant for this server; every address of numbers is."""
    if ANY in allowed:
        return True
    name = split_port(host)[0].lower().removesuffix(".")
    return bool(name) and (_is_address(name) or any(_matches(name, one.lower().removesuffix(".")) for one in allowed))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _matches(name: str, allowed: str) -> bool:
    return name.endswith(allowed[1:]) if allowed.startswith("*.") else name == allowed
