"""An engine process whose model says what its prompt tells it to: the text between the last « and » there.

The supervisor starts it instead of the real one (`_PARLEY_ENGINE_COMMAND`); all but the model is the real engine. The
model file's name is that of a chat template in `tests/chat/templates`, whose control tokens the model has; any other
token is a byte, and a letter's likeliest alternative is the one of the other case. The conversation of a test so
scripts the model, whatever format its family writes. Under a grammar it says what it is told where it may, and anything
where it may not. Where `slowly ` stands before the «, each token takes SLOW_SECONDS, for what happens in the middle of
an answer.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import msgspec
from llguidance import LLTokenizer, TokenizerWrapper

from server.engine.engine import Engine
from server.engine.grammar.compiler import GrammarCompiler
from server.engine.grammar.trial import SPECIAL_MARK
from server.engine.host.intake_queue import IntakeQueue
from server.engine.host.process import Ending, Reporter
from server.engine.host.service import Service
from server.engine.intake.intake import Intake
from server.engine.sampling.logit_scan import LogitRows
from server.protocol.engine_config import EngineConfig
from server.protocol.messages import ModelCard
from server.protocol.report import Report
from server.protocol.values import SamplingParams, TextPiece
from tests.chat import chat_templates
from tests.engine.fakes import EOG, FakeRunner

FIRST_MARKER = 256
N_CTX = 100_000
OTHER_CASE_LOGIT = 1.0
START, END = "«".encode(), "»".encode()
SLOWLY, SLOW_SECONDS = b"slowly ", 0.02


class ByteVocabulary:
    """Bytes, and behind them the control tokens. Implements `grammar_compiler.GuidedVocabulary`, too."""

    eog_tokens = (EOG,)

    def __init__(self, control_spellings: Sequence[str]) -> None:
        self.markers = [spelling for spelling in control_spellings if spelling]
        self.num_tokens = FIRST_MARKER + len(self.markers)
        self.prompts: list[list[int]] = []
        self._spelling = re.compile(b"|".join(re.escape(marker.encode()) for marker in self.markers) or rb"(?!)")

    @property
    def marker_ids(self) -> dict[str, int]:
        return {marker: FIRST_MARKER + index for index, marker in enumerate(self.markers)}

    def tokenize(self, pieces: list[TextPiece]) -> list[int]:
        tokens = [token for piece in pieces for token in self.tokens(piece.text.encode(), piece.parse_special)]
        self.prompts.append(tokens)
        return tokens

    def tokens(self, text: bytes, parse_special: bool = True) -> list[int]:
        tokens: list[int] = []
        at = 0
        for found in self._spelling.finditer(text) if parse_special else ():
            tokens += [*text[at : found.start()], self.marker_ids[found[0].decode()]]
            at = found.end()
        return [*tokens, *text[at:]]

    def text(self, tokens: list[int]) -> str:
        return self.bytes_of(tokens).decode(errors="replace")

    def bytes_of(self, tokens: Sequence[int]) -> bytes:
        return bytes(token for token in tokens if token < FIRST_MARKER)

    def token_bytes(self, token: int) -> bytes:
        return self.bytes_of([token])

    def tokenize_text(self, text: str, *, parse_special: bool, adds_special: bool) -> list[int]:
        return self.tokenize([TextPiece(text, parse_special)])

    def spelled_bytes(self, token: int) -> bytes:
        return next((name.encode() for name, marker in self.marker_ids.items() if marker == token), bytes([token]))

    def shown_tokens(self, spellings: list[str]) -> dict[int, bytes]:
        return {self.marker_ids[name]: name.encode() for name in spellings if name in self.marker_ids}

    def guidance_pieces(self) -> list[bytes]:
        control = [SPECIAL_MARK + marker.encode() for marker in self.markers]
        return [SPECIAL_MARK + b"end", *(bytes([byte]) for byte in range(1, FIRST_MARKER)), *control]

    def guidance_tokenizer(self) -> LLTokenizer:
        return LLTokenizer(TokenizerWrapper(GuidedTokens(self.guidance_pieces())), eos_token=[EOG])

    def next_token(self, tokens: list[int]) -> int:
        """What follows, if the slot holds a prompt and some of what that says."""
        prompt = max((prompt for prompt in self.prompts if tokens[: len(prompt)] == prompt), key=len)
        before, _, told = self.bytes_of(prompt).rpartition(START)
        if before.endswith(SLOWLY):
            time.sleep(SLOW_SECONDS)
        said = self.tokens(told.partition(END)[0])
        num_said = len(tokens) - len(prompt)
        return said[num_said] if num_said < len(said) else EOG


class GuidedTokens:
    """What llguidance asks of a tokenizer."""

    eos_token_id = EOG
    bos_token_id = None

    def __init__(self, pieces: list[bytes]) -> None:
        self.tokens = pieces
        self.special_token_ids = [EOG, *range(FIRST_MARKER, len(pieces))]

    def __call__(self, text: bytes) -> list[int]:
        return list(text)


class NoRules:
    """For DRY, which would not change what is said."""

    def rule(self, params: SamplingParams) -> None:
        return None


class SayingRunner(FakeRunner):
    """A model of that vocabulary."""

    def __init__(self, vocabulary: ByteVocabulary, num_slots: int) -> None:
        super().__init__(num_slots, N_CTX, vocabulary.next_token, n_vocab=vocabulary.num_tokens)
        self.max_step_tokens = N_CTX

    @cached_property
    def _logit_rows(self) -> LogitRows:
        rows = super()._logit_rows
        for row in rows:
            said = chr(row.argmax())
            if said.isascii() and said.isalpha():
                row[ord(said.swapcase())] = OTHER_CASE_LOGIT
        return rows

    def token_bytes(self, token: int) -> bytes:
        return bytes([token]) if EOG < token < FIRST_MARKER else b""


def main() -> None:
    reporter = Reporter(sys.stdout.buffer)
    config = msgspec.json.decode(sys.stdin.buffer.readline(), type=EngineConfig)
    Ending()
    name = Path(config.model_path).stem
    bos, eos, *_ = spellings = chat_templates.control_tokens_of(name)
    vocabulary = ByteVocabulary(spellings)
    engine = Engine(SayingRunner(vocabulary, config.options.num_slots), 100, 1_000_000, config.options.max_step_ms)
    card = ModelCard(
        model_id=config.model_id,
        description="fake",
        num_slots=config.options.num_slots,
        n_ctx=N_CTX,
        n_ctx_train=N_CTX,
        n_vocab=vocabulary.num_tokens,
        n_params=1,
        size_bytes=1,
        chat_template=chat_templates.source_of(name),
        bos_token=bos,
        eos_token=eos,
        control_spellings=[spelling for spelling in spellings if spelling],
        marker_ids=vocabulary.marker_ids,
    )
    service = Service(
        engine, Intake(vocabulary, N_CTX, NoRules(), GrammarCompiler(vocabulary)), card, IntakeQueue(100, 1 << 20)
    )
    service.listen(Path(config.socket_path))
    reporter.report(Report(state="ready"))
    service.run()


if __name__ == "__main__":
    main()
