"""What an operator does to a server that is in use must not show, nor what kills it keep the next one away."""

from __future__ import annotations

import signal

from tests.attacks.victims import Prober
from tests.live_server import alive, kill_all
from tests.processes import FakeServer


def test_a_reload_leaves_no_moment_in_which_nobody_is_served() -> None:
    server = FakeServer(graceful_timeout_seconds=3600)
    with server:
        old = server.workers
        server.master.send_signal(signal.SIGHUP)
        while alive(old):  # each a connection of its own, so that whoever accepts it answers
            prober = Prober(server)
            prober.ask()
            prober.close()
        assert alive(server.workers)


def test_a_reload_disturbs_no_connection_that_is_in_use() -> None:
    server = FakeServer(graceful_timeout_seconds=3600)
    with server:
        old = server.workers
        prober = Prober(server)
        server.master.send_signal(signal.SIGHUP)
        while alive(old):
            prober.ask()  # connects again by itself if it was told that an answer was the last one
        prober.close()


def test_a_server_that_was_killed_leaves_its_port_to_the_next() -> None:
    server = FakeServer()
    with server:
        assert server.process is not None
        kill_all([server.master])
        server.process.wait()
        server.start()
        assert "in use" not in server.log
