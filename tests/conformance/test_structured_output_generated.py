"""Random schemas x random ways to sample, against the demo model; what comes back is validated by jsonschema.

PARLEY_TEST_NUM_SCHEMAS says how many: a hundred take seconds, a thousand are for the long run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openai import OpenAI

from tests.chat.schema.json_schemas import SAMPLING, SCHEMAS, Schema
from tests.conformance.test_structured_output import MODEL
from tests.live_server import LiveServer

NUM_SCHEMAS = int(os.environ.get("PARLEY_TEST_NUM_SCHEMAS", "100"))
AT_ONCE = 8
NUM_CASES = 10
"""Of one try; more than run at once, so that one long text does not leave the others' slots empty."""
MAX_TOKENS = 64

MESSAGES: Any = [{"role": "user", "content": "JSON, please."}]


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


@pytest.fixture(scope="module")
def patient(server: LiveServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0, timeout=600) as client:
        yield client


def generate(client: OpenAI, schema: Schema, sampling: dict[str, Any]) -> tuple[str, str]:
    """The text and why it ended."""
    answer: Any = client.chat.completions.create(
        model=MODEL,
        messages=MESSAGES,
        max_tokens=MAX_TOKENS,
        response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
        stream=bool(sampling.get("stream")),
        extra_body={name: value for name, value in sampling.items() if name != "stream"},
    )
    if not sampling.get("stream"):
        return answer.choices[0].message.content, answer.choices[0].finish_reason
    with answer:
        chunks = list(answer)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks), chunks[-1].choices[0].finish_reason


num_ended = 0


@settings(
    max_examples=NUM_SCHEMAS // NUM_CASES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],  # each try costs a generation
)
@given(cases=st.lists(st.tuples(SCHEMAS, SAMPLING), min_size=NUM_CASES, max_size=NUM_CASES))
def test_every_text_validates(patient: OpenAI, pool: ThreadPoolExecutor, cases: list[tuple[Schema, Any]]) -> None:
    global num_ended
    futures = [pool.submit(generate, patient, schema, sampling) for schema, sampling in cases]
    for (schema, _), future in zip(cases, futures, strict=True):
        text, reason = future.result()
        if reason == "length":
            continue  # said openly, and then nothing is promised
        assert reason == "stop"
        errors = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).iter_errors(
            json.loads(text)
        )
        assert [error.message for error in errors] == []
        num_ended += 1


def test_nearly_all_of_them_came_to_an_end() -> None:
    assert num_ended >= 0.8 * (NUM_SCHEMAS // NUM_CASES * NUM_CASES)
