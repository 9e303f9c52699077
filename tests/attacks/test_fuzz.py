"""Nearly valid requests to all endpoints: whatever they get is an answer or an error in OpenAI's form, never a 500.

`FUZZ_REQUESTS=25000` makes it a long run, `FUZZ_SEED` another one.
"""

from __future__ import annotations

import http.client
import json
import os
import random

from tests.attacks.fuzz import FuzzedRequest, fuzzed
from tests.conformance.test_kills import BODY
from tests.live_server import PATIENCE_SECONDS, LiveServer
from tests.rubbish import CHAT

NUM_REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))


def flaw(server: LiveServer, request: FuzzedRequest) -> str | None:
    """What is wrong with the answer to a request, if anything."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(request.method, request.path, request.body)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if response.status < 400:
        return None
    if response.status >= 500 and response.status != 503:
        return f"{response.status}: {answer[:300]!r}"
    error = json.loads(answer)["error"]
    return None if isinstance(error["message"], str) and error["message"] else f"an odd error: {error}"


def test_nearly_valid_requests_are_answered_or_refused() -> None:
    rng = random.Random(SEED)
    with LiveServer(workers=2, slots=2, n_ctx=256, default_max_tokens=4) as server:
        processes = {process.pid for process in server.family()}
        requests = [fuzzed(rng) for _ in range(NUM_REQUESTS)]
        flaws = [(request, found) for request in requests if (found := flaw(server, request))]
        assert flaws == []
        assert server.post(CHAT, BODY)[0] == 200
        assert {process.pid for process in server.family()} >= processes  # one may have been added, to try grammars
        assert "Traceback" not in server.log
