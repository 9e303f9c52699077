from __future__ import annotations

import pytest

from server.settings import Settings
from server.settings.proxies import TrustedProxies, parse_network


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", ""])
def test_by_default_this_machine_is_trusted(peer: str) -> None:
    assert peer in TrustedProxies(Settings().trusted_proxies)


@pytest.mark.parametrize("peer", ["10.0.0.5", "0.0.0.0", "::", "::ffff:10.0.0.5", "fe80::1%eth0", "localhost", "?"])
def test_by_default_nobody_else_is(peer: str) -> None:
    assert peer not in TrustedProxies(Settings().trusted_proxies)


def test_addresses_and_networks_may_be_named() -> None:
    proxies = TrustedProxies(["10.0.0.5", "192.168.1.0/24", "fe80::/10"])
    trusted = ["10.0.0.5", "::ffff:10.0.0.5", "192.168.1.77", "fe80::1", "fe80::1%eth0"]
    assert [peer for peer in trusted if peer in proxies] == trusted
    assert not any(peer in proxies for peer in ["10.0.0.6", "192.168.2.1", "127.0.0.1", "::1"])


def test_peers_of_a_unix_socket_are_only_trusted_by_name() -> None:
    assert "" not in TrustedProxies(["127.0.0.1"])
    assert "" not in TrustedProxies([])
    assert "" in TrustedProxies(["unix"])
    assert "127.0.0.1" not in TrustedProxies(["unix"])


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0", "10.0.0.0/33", "", "*", "10.0.0.5:80"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no address such as"):
        parse_network(text)


def test_an_address_where_a_network_was_meant_is_explained() -> None:
    with pytest.raises(ValueError, match="has bits beyond its network"):
        parse_network("192.168.1.5/24")
