"""Two thousand malformed requests against the running server: each gets a proper 4xx, and it stays healthy."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

from tests.conformance.test_kills import BODY
from tests.live_server import PATIENCE_SECONDS, LiveServer
from tests.rubbish import CHAT, Rubbish, flaw, rubbish

CHUNK_BYTES = 50_000


def chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK_BYTES):
        yield body[start : start + CHUNK_BYTES]


def send(server: LiveServer, bad: Rubbish) -> str | None:
    """Play one malformed request; what is wrong with the answer, if anything."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        if bad.is_chunked:
            connection.request(bad.method, bad.path, chunks(bad.body), bad.headers, encode_chunked=True)
        else:
            headers = {"Content-Length": str(len(bad.body)), **bad.headers}
            connection.putrequest(bad.method, bad.path, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(bad.body)
            if int(headers["Content-Length"]) > len(bad.body):
                connection.sock.shutdown(1)  # no more will come
    except (BrokenPipeError, ConnectionResetError):
        pass  # the server had seen enough before all was sent
    try:
        response = connection.getresponse()
        return flaw(bad, response.status, response.headers.get("Content-Type", ""), response.read())
    finally:
        connection.close()


def test_every_malformed_request_gets_a_proper_error_and_the_server_stays_well(server: LiveServer) -> None:
    requests = rubbish(seed=7, max_body_bytes=1 << 20)
    processes = {process.pid for process in server.family()}
    flaws = [f"{bad.name}: {found}" for bad in requests if (found := send(server, bad))]
    assert len(requests) >= 1000
    assert flaws == []
    assert server.post(CHAT, BODY)[0] == 200
    assert {process.pid for process in server.family()} == processes
    assert "Traceback" not in server.log
