"""A stand-in for the engine that answers at once: `python -m scripts.benchmarks.instant_engine`, for the supervisor.

It speaks the engine's protocol on both ends, and every prompt is answered with the same few words. What a server takes
with it is what the server takes.
"""

from __future__ import annotations

import asyncio
import os
import sys

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


async def serve_worker(config: EngineConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(frame(card(config)))
    frames, decoder = FrameReader(), msgspec.msgpack.Decoder(Command)
    while data := await reader.read(READ_BYTES):
        for body in frames.feed(data):
            match decoder.decode(body):
                case Submit() as submit:
                    writer.write(frame(answer(submit)))
                case ReadStats(request_id):
                    writer.write(frame([Stats(request_id, {}, {}, {}, {}, {}, {})]))
                case Cancel():
                    pass  # it has been answered
    writer.close()


async def serve(config: EngineConfig) -> None:
    async def on_worker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve_worker(config, reader, writer)

    await asyncio.start_unix_server(on_worker, config.socket_path)
    sys.stdout.buffer.write(msgspec.json.encode(Report(state="ready")) + b"\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)  # until the supervisor is gone
    os._exit(0)


if __name__ == "__main__":
    asyncio.run(serve(msgspec.json.decode(sys.stdin.buffer.readline(), type=EngineConfig)))
