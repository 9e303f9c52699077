"""The weights of a model, loaded from its file, and the file's metadata.

One model may be used by several contexts. It knows no context, no requests and no slots.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from typing import Literal

import llama_cpp.llama_cpp as llama

from server.engine.llama import native_log
from server.engine.llama.recommended import recommended_sampling
from server.engine.llama.vocabulary import Vocabulary
from server.protocol.engine_config import EngineConfig
from server.protocol.messages import ModelCard


class ModelLoadError(Exception):
    """The model cannot be served; the message says why, in llama.cpp's words where it said anything."""


def check_device(config: EngineConfig) -> None:
    """Raises ModelLoadError if a GPU is asked for and there is none."""
    if config.needs_gpu and not llama.llama_supports_gpu_offload():
        raise ModelLoadError("there is no GPU that this llama.cpp can use; device = cpu or auto does without")


class Weights:
    """A loaded `llama_model`.

    Raises:
        ModelLoadError: if the file cannot be loaded.
    """

    def __init__(
        self,
        path: str,
        n_gpu_layers: int | None,
        on_progress: Callable[[float], None] = lambda progress: None,
        *,
        is_sketch: bool = False,
    ) -> None:
        """Load the file at `path`.

        `n_gpu_layers` None means all layers, if there is a GPU. `on_progress` gets fractions from 0 to 1. A sketch has
        everything but the memory: nothing can be computed with it.
        """
        self.pointer = _load(path, n_gpu_layers, on_progress, is_sketch)
        self._n_gpu_layers = n_gpu_layers
        self.vocabulary_pointer: object = llama.llama_model_get_vocab(self.pointer)
        self.n_ctx_train: int = llama.llama_model_n_ctx_train(self.pointer)
        self.n_params: int = llama.llama_model_n_params(self.pointer)
        self.num_bytes: int = llama.llama_model_size(self.pointer)
        self.description = _read_string(lambda buffer, size: llama.llama_model_desc(self.pointer, buffer, size))

    @property
    def device(self) -> Literal["cpu", "gpu", "mixed"]:
        """Where its layers are, of which the output matrix counts as one."""
        if not llama.llama_supports_gpu_offload() or self._n_gpu_layers == 0:
            return "cpu"
        is_whole = self._n_gpu_layers is None or self._n_gpu_layers > llama.llama_model_n_layer(self.pointer)
        return "gpu" if is_whole else "mixed"

    def free(self) -> None:
        """Free the model, which must not be used any more."""
        llama.llama_model_free(self.pointer)

    def chat_template(self, name: str | None = None) -> str | None:
        """The template of that name; None is the one for everything."""
        template = llama.llama_model_chat_template(self.pointer, name.encode() if name else None)
        return template.decode(errors="replace") if template else None

    def metadata(self, key: str) -> str:
        """The text of a GGUF key, empty if the file does not have it."""
        return _read_string(
            lambda buffer, size: llama.llama_model_meta_val_str(self.pointer, key.encode(), buffer, size)
        )

    def fingerprint(self, *more: object) -> str:
        """Name of all that seeded results depend on: weights, library, backend and `more`."""
        facts = (
            self.description,
            self.metadata("general.name"),
            self.num_bytes,
            llama.llama_version(),
            llama.llama_print_system_info(),  # the backends, and the instructions that they use
            *more,
        )
        return "fp_" + hashlib.sha256(repr(facts).encode()).hexdigest()[:10]


def describe(
    weights: Weights, vocabulary: Vocabulary, model_id: str, *, num_slots: int, n_ctx: int, facts: tuple[object, ...]
) -> ModelCard:
    """The model's card; `facts` are what its fingerprint depends on besides the weights."""
    return ModelCard(
        model_id=model_id,
        description=weights.description,
        num_slots=num_slots,
        n_ctx=n_ctx,
        n_ctx_train=weights.n_ctx_train,
        n_vocab=vocabulary.num_tokens,
        n_params=weights.n_params,
        size_bytes=weights.num_bytes,
        chat_template=weights.chat_template(),
        tool_chat_template=weights.chat_template("tool_use"),
        bos_token=vocabulary.spelling(vocabulary.bos),
        eos_token=vocabulary.spelling(vocabulary.eos),
        control_spellings=vocabulary.control_spellings(),
        marker_ids=vocabulary.marker_ids,
        infill_spellings=vocabulary.infill_spellings(),
        default_sampling=recommended_sampling(weights.metadata),
        system_fingerprint=weights.fingerprint(*facts),
        device=weights.device,
    )


def _load(path: str, n_gpu_layers: int | None, on_progress: Callable[[float], None], is_sketch: bool) -> object:
    params = llama.llama_model_default_params()
    if is_sketch:
        params.no_alloc = True
        params.load_mode = llama.LLAMA_LOAD_MODE_NONE
    if n_gpu_layers is not None:
        params.n_gpu_layers = n_gpu_layers

    def go_on(fraction: float, _user_data: object) -> bool:
        on_progress(fraction)
        return True

    params.progress_callback = llama.llama_progress_callback(go_on)
    with native_log.captured() as complaints:
        model: object = llama.llama_model_load_from_file(path.encode(), params)
    if not model:
        raise ModelLoadError(f"llama.cpp cannot load {path}: {complaints.summary() or 'no reason given'}")
    return model


def _read_string(read: Callable[[ctypes.Array[ctypes.c_char], int], int]) -> str:
    """Call a llama.cpp function that fills a buffer and returns the length it needs, or -1 for nothing there."""
    buffer = ctypes.create_string_buffer(1024)
    length = read(buffer, len(buffer))
    return buffer.value.decode(errors="replace") if length >= 0 else ""
