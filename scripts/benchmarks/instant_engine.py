"""A stand-in for the engine that answers at once: `python -m scripts.benchmarks.instant_engine`, for the supervisor.

It speaks the engine's protocol on both ends, and every prompt is answered with the same few words. What a server takes
with it is what the server takes. With two numbers behind its name it says so many words instead, so many of them a
second, and each is a token.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from dataclasses import dataclass

import msgspec

from server.protocol.engine_config import EngineConfig
from server.protocol.framing import FrameReader, frame
from server.protocol.messages import Accepted, Cancel, Command, Delta, Finished, ModelCard, ReadStats, Stats, Submit
from server.protocol.report import Report

WORDS = "The answer is short."
NUM_TOKENS = 5
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "<|im_start|>assistant\n"
)
READ_BYTES = 1 << 18
FLOWING_TEXT = """\
## A heading of some words

A paragraph with **strong** and *soft* words, `code` in the middle of it, a [link](https://example.org/) and enough more
words for two lines of it, so that what is written is what models write.

- first of three points, with `code`
- second of three points
- third of three points, which is longer than the others and says nothing

```python
def answer(question: str) -> str:
    return "The answer is short."
```

| what | how much |
| --- | --- |
| words | many |

"""


@dataclass(frozen=True)
class Pace:
    num_tokens: int
    per_second: float


def card(config: EngineConfig) -> ModelCard:
    return ModelCard(
        model_id=config.model_id,
        description="no model",
        num_slots=config.options.num_slots,
        n_ctx=1 << 20,
        n_ctx_train=1 << 20,
        n_vocab=1 << 15,
        n_params=0,
        size_bytes=0,
        chat_template=CHAT_TEMPLATE,
        bos_token="",
        eos_token="<|im_end|>",
        control_spellings=["<|im_start|>", "<|im_end|>"],
    )


def answer(submit: Submit) -> list[object]:
    return [
        Accepted(submit.request_id, sum(len(piece.text) for piece in submit.pieces) // 4),
        Delta(submit.request_id, 0, WORDS),
        Finished(submit.request_id, 0, "stop", NUM_TOKENS, 0),
    ]


def flowing_tokens(num_tokens: int) -> list[str]:
    """Words with the room behind them, as often as it takes."""
    words = re.findall(r"\S+\s*", FLOWING_TEXT)
    return [words[number % len(words)] for number in range(num_tokens)]


async def flow(submit: Submit, pace: Pace, writer: asyncio.StreamWriter) -> None:
    """Say one token after the other; those that are late come together."""
    tokens = flowing_tokens(pace.num_tokens)
    writer.write(frame([Accepted(submit.request_id, sum(len(piece.text) for piece in submit.pieces) // 4)]))
    started = time.monotonic()
    for number, token in enumerate(tokens):
        await asyncio.sleep(max(0.0, started + number / pace.per_second - time.monotonic()))
        writer.write(frame([Delta(submit.request_id, 0, token)]))
    writer.write(frame([Finished(submit.request_id, 0, "stop", len(tokens), 0)]))


async def serve_worker(
    config: EngineConfig, pace: Pace | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(frame(card(config)))
    flowing: set[asyncio.Task[None]] = set()
    frames, decoder = FrameReader(), msgspec.msgpack.Decoder(Command)
    while data := await reader.read(READ_BYTES):
        for body in frames.feed(data):
            match decoder.decode(body):
                case Submit() as submit if pace is not None:
                    flowing.add(asyncio.create_task(flow(submit, pace, writer)))
                case Submit() as submit:
                    writer.write(frame(answer(submit)))
                case ReadStats(request_id):
                    writer.write(frame([Stats(request_id, {}, {}, {}, {}, {}, {})]))
                case Cancel():
                    pass  # it has been answered
    writer.close()


async def serve(config: EngineConfig, pace: Pace | None) -> None:
    async def on_worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_worker(config, pace, reader, writer)

    await asyncio.start_unix_server(on_worker, config.socket_path)
    sys.stdout.buffer.write(msgspec.json.encode(Report(state="ready")) + b"\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)  # until the supervisor is gone
    os._exit(0)


if __name__ == "__main__":
    wanted = Pace(int(sys.argv[1]), float(sys.argv[2])) if len(sys.argv) > 1 else None
    asyncio.run(serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=EngineConfig), wanted))
