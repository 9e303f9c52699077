"""Which peers are proxies whose word is trusted: addresses, networks, and whoever comes through a unix socket.

Knows nothing of requests: a peer is what the server's end of the connection says, never what a header claims.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import TypeAlias

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

UNIX_PEER = "unix"
"""Stands for every peer of a `unix:` bind, since those have no addresses."""

EXPECTED = 'is no address such as 10.0.0.5, no network such as 10.0.0.0/24, and not "unix" (for peers of a unix socket)'


def parse_network(text: str) -> Network:
    """Raise ValueError with a sentence for the operator when `text` is neither an address nor a network."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        hint = "; the address has bits beyond its network" if "host bits" in str(error) else ""
        raise ValueError(f'"{text}" {EXPECTED}{hint}') from None


class TrustedProxies:
    """Peers that the setting `trusted_proxies` names."""

    def __init__(self, entries: Iterable[str]) -> None:
        entries = tuple(entries)
        self._trusts_unix = UNIX_PEER in entries
        self._networks = tuple(parse_network(entry) for entry in entries if entry != UNIX_PEER)

    def __contains__(self, peer: str) -> bool:
        """Whether the peer of a connection is one; the peer of a unix socket is the empty text."""
        if not peer:
            return self._trusts_unix
        try:
            address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        # An IPv6 listener sees IPv4 peers under mapped addresses; the operator may have named either.
        spellings = {address, getattr(address, "ipv4_mapped", None) or address}
        return any(spelling in network for spelling in spellings for network in self._networks)
