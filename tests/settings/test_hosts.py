from __future__ import annotations

import pytest

from server.settings import Settings
from server.settings.hosts import check_host, is_host_allowed, split_port


@pytest.mark.parametrize("text", ["", "a b", "http://a", "a:80", "*.", "a.*", "[::1]", "-", "a/b"])
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no name"):
        check_host(text)


@pytest.mark.parametrize("text", ["*", "a", "a.example", "*.a.example", "my_box", "a.example."])
def test_a_name_can_stand_in_the_setting(text: str) -> None:
    assert check_host(text) == text


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        ("a", ("a", "")),
        ("a:80", ("a", "80")),
        ("[::1]:80", ("[::1]", "80")),
        ("[::1]", ("[::1]", "")),
        ("a:b", ("", "")),
        ("::1", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_host_header_has_a_name_and_perhaps_a_port(host: str, parts: tuple[str, str]) -> None:
    assert split_port(host) == parts


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("a.example", True),
        ("A.Example.:80", True),
        ("b.a.example", False),
        ("x.lan", True),
        ("lan", False),
        ("xlan", False),
        ("1.2.3.4", True),
        ("[::1]:1", True),
        ("1.2.3.4.example", False),
        ("", False),
        ("a.example:x", False),
    ],
)
def test_a_name_counts_with_every_port_and_however_it_is_written(host: str, is_allowed: bool) -> None:
    assert is_host_allowed(host, ("a.example", "*.lan")) == is_allowed


def test_without_users_only_local_names_and_the_one_in_bind_are_ours() -> None:
    settings = Settings(bind="box.lan:8000", allow_public_bind=True)
    assert settings.effective_allowed_hosts == ("localhost", "*.localhost", "box.lan")
    assert Settings(bind="unix:/tmp/x").effective_allowed_hosts == ("localhost", "*.localhost")
    assert Settings(auth="keys").effective_allowed_hosts == ("*",)
    assert Settings(allowed_hosts=("a",)).effective_allowed_hosts == ("a",)
