"""A model in memory: weights, context and the forward pass, through llama-cpp-python's low-level API.

Everything that dereferences a llama.cpp pointer is here, in the other modules of this folder, in `embedding.model` and
in `sampling.dry`. It does not know requests or which sequence has which slot.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import llama_cpp.llama_cpp as llama
import msgspec
import numpy as np

from server.engine.affinity import run_anywhere
from server.engine.cost.attention import Attention
from server.engine.llama import native_log
from server.engine.llama.adapters import Adapters
from server.engine.llama.context_memory import ContextMemory
from server.engine.llama.context_shape import ContextShape
from server.engine.llama.native_options import CACHE_TYPES
from server.engine.llama.state_fingerprint import state_fingerprint
from server.engine.llama.vocabulary import Vocabulary
from server.engine.llama.weights import ModelLoadError, Weights, check_device, describe
from server.engine.runner import DecodeError, Span
from server.engine.sampling.candidates import Logits
from server.engine.sampling.dry import DryRules
from server.engine.sampling.logit_scan import LogitRows, LogitScan, Scanned, Wanted
from server.engine.sampling.sampler import DRAWS, RepetitionRule, Sampler
from server.engine.speculation.draft_model import DraftModel, VocabularyMismatch, check_same_vocabulary
from server.protocol.engine_config import EngineConfig
from server.protocol.messages import ModelCard
from server.protocol.values import SamplingParams

logger = logging.getLogger(__name__)


class Model:
    """A loaded model and a context in which each sequence has its own KV cache stream; implements `runner.Runner`.

    Raises:
        ModelLoadError: if the file cannot be loaded or the context does not fit into memory.
    """

    def __init__(self, config: EngineConfig, on_progress: Callable[[float], None] = lambda progress: None) -> None:
        options = config.options
        llama.llama_backend_init()
        check_device(config)
        self._n_gpu_layers = options.n_gpu_layers
        self._weights = Weights(config.model_path, options.n_gpu_layers, on_progress)
        self._model = self._weights.pointer
        self._shape = ContextShape.of(options, self._weights)
        self._cache_types = self._shape.cache_types
        self._flash_attn = self._shape.flash_attn
        self.is_on_gpu = self._shape.is_on_gpu
        self.max_step_tokens = self._shape.max_step_tokens
        self.max_step_logits = self._shape.max_step_logits
        self.n_ctx = self._shape.n_ctx
        self.num_slots = self._shape.num_slots
        self._adapters = Adapters(self._weights, options.lora)
        self.vocabulary = Vocabulary(self._weights.vocabulary_pointer)
        self._row_type = ctypes.c_float * self.vocabulary.num_tokens
        self.attention = Attention() if self._shape.has_gpu else self._attention_on_cpu()
        self._context = self._make_context()
        self.memory = ContextMemory(self._context, self._model)
        self._path = Path(config.model_path)
        self._batch = _Batch(max(self.max_step_tokens, options.num_slots), options.num_slots)
        self._row_numbers: dict[int, int] = {}
        """Row numbers in the last forward pass's output, by the tokens' numbers in its batch."""
        self._scan = LogitScan(options.num_threads, self.max_step_logits, self.vocabulary.num_tokens)
        if self.is_on_gpu:
            self._warm_up()

    def decode(self, spans: Iterable[Span]) -> list[int]:
        """Compute one forward pass. Returns the rows of the logits that the spans want, in the order of spans and
        tokens.

        Raises:
            DecodeError: if the pass failed; then nothing can be said of what the slots in the batch hold.
        """
        self._batch.fill(spans)
        self.__dict__.pop("_logit_rows", None)
        code = llama.llama_decode(self._context, self._batch.native)
        if code != 0:
            raise DecodeError(code)
        self._row_numbers = {row: number for number, row in enumerate(self._batch.rows_with_logits)}
        return self._batch.rows_with_logits

    def logits(self, row: int) -> Logits:
        """Logits of one row of the last forward pass, shape (n_vocab,): llama.cpp's own memory, not a copy."""
        logits: Logits = self._logit_rows[self._row_numbers[row]]
        return logits

    def scan(self, wanted: Sequence[Wanted]) -> Scanned:
        """Look at all rows of the last forward pass at once."""
        return self._scan.scan(self._logit_rows, wanted)

    def sampler(self, params: SamplingParams, ignore_eos: bool, dry_rule: RepetitionRule | None = None) -> Sampler:
        """A sampler for one sequence."""
        banned = self.vocabulary.suppressed_tokens | (self.vocabulary.eog_tokens if ignore_eos else frozenset())
        dry = dry_rule.start() if dry_rule is not None else None
        return Sampler(params, dry, banned=banned)

    def dry_rules(self) -> DryRules:
        """The maker of the `dry_rule`s of requests."""
        return DryRules(llama.llama_model_get_vocab(self._model), self.n_ctx)

    def token_bytes(self, token: int) -> bytes:
        return self.vocabulary.token_bytes(token)

    def is_eog(self, token: int) -> bool:
        return token in self.vocabulary.eog_tokens

    def card(self, model_id: str) -> ModelCard:
        return describe(
            self._weights,
            self.vocabulary,
            model_id=model_id,
            num_slots=self.num_slots,
            n_ctx=self.n_ctx,
            facts=self._facts,
        )

    @cached_property
    def _logit_rows(self) -> LogitRows:
        """All logits of the last forward pass, for whose end this waits."""
        pointer = llama.llama_get_logits(self._context)
        # Not `np.ctypeslib.as_array`, which takes ten times as long.
        native = (self._row_type * len(self._row_numbers)).from_address(ctypes.addressof(pointer.contents))
        logits: LogitRows = np.frombuffer(native, dtype=np.float32)  # type: ignore[call-overload]
        return logits.reshape(len(self._row_numbers), -1)

    def _make_context(self) -> object:
        for pass_tokens in self._shape.pass_sizes:
            with native_log.captured() as complaints:
                context = llama.llama_init_from_model(self._model, self._shape.params(pass_tokens))
            if context:
                break
        else:
            reason = complaints.summary() or "out of memory?"
            raise ModelLoadError(
                f"no context for {self.num_slots} slots of {self.n_ctx} tokens could be made ({reason}); "
                "if memory is short, fewer slots, a smaller n_ctx, n_gpu_layers or cache type need less, and on a CPU "
                'flash_attn = "on"'
            )
        if pass_tokens < max(self._shape.pass_sizes):
            logger.warning("for lack of memory, only %d tokens are computed together (n_ubatch)", pass_tokens)
        self._adapters.put_on(context)
        return context

    def _warm_up(self) -> None:
        """Compute something on a GPU, whose driver puts off work until a kernel is first needed.

        Otherwise the first request would be delayed, and the engine would believe that passes are slow. The threads
        that start during this must not be bound to a core each.
        """
        num_tokens = min(max(self._shape.pass_sizes), self.n_ctx)
        for length in (num_tokens, num_tokens, 1, 1):
            self.memory.clear(0)
            self.logits(*self.decode([_WarmUp(tokens=[0] * length)]))
        self.memory.clear(0)
        run_anywhere()

    def _attention_on_cpu(self) -> Attention:
        n_embd = llama.llama_model_n_embd(self._model)
        num_weights = self._weights.n_params - self.vocabulary.num_tokens * n_embd
        n_layer = llama.llama_model_n_layer(self._model)
        return Attention.on_cpu(num_weights, n_embd, n_layer, self._flash_attn, self._cache_types)

    @property
    def state_fingerprint(self) -> str:
        """Name of a kind of saved state: states with equal names are interchangeable between models. Raises OSError."""
        architecture = self._weights.metadata("general.architecture")
        n_ctx_before_scaling = self._weights.metadata(f"{architecture}.rope.scaling.original_context_length")
        return state_fingerprint(
            self._path,
            llama.llama_version(),
            *(CACHE_TYPES[name] for name in self._cache_types),
            self._flash_attn == "off",  # without flash attention, values lie in another order
            self.num_slots,  # a state has a place for each stream of the context
            self.n_ctx > int(n_ctx_before_scaling or 0),  # some models have other rotations in long contexts
            *self._adapters.facts,
        )

    @property
    def _facts(self) -> tuple[object, ...]:
        """All that seeded results depend on besides weights and llama.cpp: batch geometry, backend, our own draws."""
        return (
            self._n_gpu_layers,
            self._flash_attn,
            llama.llama_n_ubatch(self._context),
            self.n_ctx,
            self.num_slots,
            DRAWS,
            *self._cache_types,
            *self._adapters.facts,
        )


def load_draft_model(
    config: EngineConfig, model: Model, on_progress: Callable[[float], None] = lambda progress: None
) -> DraftModel:
    """The small model that guesses for `model`.

    Raises:
        ModelLoadError: if it cannot be loaded, or has another vocabulary.
    """
    assert config.draft_model_path is not None
    options = msgspec.structs.replace(config.options, n_ctx=model.n_ctx, max_draft_tokens=0, lora=())
    draft = Model(msgspec.structs.replace(config, model_path=config.draft_model_path, options=options), on_progress)
    try:
        check_same_vocabulary(model.vocabulary, draft.vocabulary)
    except VocabularyMismatch as error:
        raise ModelLoadError(f"{config.draft_model_path} cannot be the draft model: {error}") from None
    if not draft.memory.can_trim:
        raise ModelLoadError(f"{config.draft_model_path} cannot be the draft model: it cannot take tokens back")
    return DraftModel(draft, model.vocabulary.num_tokens)


@dataclass(frozen=True)
class _WarmUp:
    """Tokens that nobody asked for; implements `runner.Span`."""

    tokens: list[int]
    slot_index: int = 0
    start: int = 0
    num_logits: int = 1
    num_padding: int = 0


class _Batch:
    """A `llama_batch` over numpy arrays, each of which is written at once and not token by token."""

    def __init__(self, capacity: int, num_slots: int) -> None:
        self._token = np.zeros(capacity, dtype=np.int32)
        self._pos = np.zeros(capacity, dtype=np.int32)
        self._n_seq_id = np.ones(capacity, dtype=np.int32)
        self._seq_id = np.zeros(capacity, dtype=np.uintp)
        self._wants_logits = np.zeros(capacity, dtype=np.int8)
        self._slot_indices = np.arange(num_slots, dtype=np.int32)  # what the elements of _seq_id point to
        self._first_slot_index: int = self._slot_indices.ctypes.data
        self.rows_with_logits: list[int] = []
        self.native = llama.llama_batch(
            n_tokens=0,
            token=self._token.ctypes.data_as(ctypes.POINTER(llama.llama_token)),
            embd=None,
            pos=self._pos.ctypes.data_as(ctypes.POINTER(llama.llama_pos)),
            n_seq_id=self._n_seq_id.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._seq_id.ctypes.data_as(ctypes.POINTER(ctypes.POINTER(llama.llama_seq_id))),
            logits=self._wants_logits.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, spans: Iterable[Span]) -> None:
        tokens: list[int] = []
        positions: list[int] = []
        seq_ids: list[int] = []
        rows: list[int] = []
        for span in spans:
            tokens += span.tokens
            positions += range(span.start, span.start + len(span.tokens))
            seq_ids += [self._first_slot_index + 4 * span.slot_index] * len(span.tokens)
            end = len(tokens) - span.num_padding
            rows += range(end - span.num_logits, end)
        num_tokens = len(tokens)
        self._token[:num_tokens] = tokens
        self._pos[:num_tokens] = positions
        self._seq_id[:num_tokens] = seq_ids
        self._wants_logits[:num_tokens] = 0
        self._wants_logits[rows] = 1
        self.rows_with_logits = rows
        self.native.n_tokens = num_tokens
