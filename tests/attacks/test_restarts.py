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


def test_a_reload_ends_a_connection_in_use_once_at_most() -> None:
    server = FakeServer(graceful_timeout_seconds=3600)
    with server:
        old = server.workers
        prober = Prober(server)
        num_lost = 0
        server.master.send_signal(signal.SIGHUP)
        while alive(old):
            try:
                prober.ask()  # connects again by itself if it was told that an answer was the last one
            except ConnectionError:  # it was too slow to send the next request, and asks again as any client does
                num_lost += 1
                prober.close()
        prober.close()
        assert num_lost <= 1


def test_a_server_that_was_killed_leaves_its_port_to_the_next() -> None:
    server = FakeServer()
    with server:
        assert server.process is not None
        kill_all([server.master])
        server.process.wait()
        server.start()
        assert "in use" not in server.log
