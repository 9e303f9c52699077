"""What stands on the terminal."""

import json
import shlex
import socket
from pathlib import Path

import pytest

from server.supervisor.announcement import curl_line, invitation, listener_url


def test_the_line_to_paste_is_a_request_for_the_default_model() -> None:
    words = shlex.split(curl_line("http://127.0.0.1:8000"))
    assert words[:2] == ["curl", "http://127.0.0.1:8000/v1/chat/completions"]
    body = json.loads(words[-1])
    assert "model" not in body
    assert body["messages"][0]["role"] == "user"


def test_a_server_on_a_unix_socket_is_reached_through_it() -> None:
    words = shlex.split(curl_line("unix:/run/my parley.sock"))
    assert words[:4] == ["curl", "--unix-socket", "/run/my parley.sock", "http://localhost/v1/chat/completions"]


def test_what_says_who_is_asking_is_part_of_the_line() -> None:
    words = shlex.split(curl_line("http://127.0.0.1:8000", ["Authorization: Bearer YOUR_KEY"]))
    assert words[words.index("Authorization: Bearer YOUR_KEY") - 1] == "-H"


def test_the_invitation_names_the_model() -> None:
    assert "SmolLM2 is ready" in invitation("http://127.0.0.1:8000", "SmolLM2")


def test_the_invitation_begins_with_the_chat_page_if_that_is_built() -> None:
    text = invitation("http://127.0.0.1:8000", "SmolLM2", has_page=True)
    assert "http://127.0.0.1:8000/\n" in text
    assert text.index("http://127.0.0.1:8000/\n") < text.index("curl ")


def test_the_invitation_says_how_to_build_the_chat_page_if_it_is_not() -> None:
    text = invitation("http://127.0.0.1:8000", "SmolLM2")
    assert "http://127.0.0.1:8000/\n" not in text
    assert text.endswith("There is no chat page yet: `scripts/web build` makes it.\n")


def test_no_browser_is_sent_to_a_unix_socket() -> None:
    text = invitation("unix:/run/parley.sock", "SmolLM2", has_page=True)
    assert "Chat" not in text
    assert "page" not in text


@pytest.mark.parametrize(
    ("host", "family", "shown"),
    [
        ("127.0.0.1", socket.AF_INET, "http://127.0.0.1"),
        ("0.0.0.0", socket.AF_INET, "http://127.0.0.1"),
        ("::1", socket.AF_INET6, "http://[::1]"),
        ("::", socket.AF_INET6, "http://[::1]"),
    ],
)
def test_an_address_is_shown_as_clients_of_this_machine_use_it(
    host: str, family: socket.AddressFamily, shown: str
) -> None:
    with socket.socket(family) as listener:
        try:
            listener.bind((host, 0))
        except OSError:
            pytest.skip(f"this machine has no {host}")
        assert listener_url(listener) == f"{shown}:{listener.getsockname()[1]}"


def test_a_unix_socket_is_shown_by_its_path(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        assert listener_url(listener) == f"unix:{tmp_path / 's'}"
