"""The shapes of models: how many layers, how wide, which architecture. It knows no files and no weights.

A shape fixes what a forward pass costs, so a model of random weights with the shape of a public model is as fast, and
as slow, as that one. The names below are those of the public models.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Architecture = Literal["llama", "qwen2", "bert"]
"""The first two generate; "bert" embeds."""

Pooling = Literal["mean", "cls", "last"]


class BadShape(ValueError):
    """The numbers of a shape contradict each other; the message says which."""


@dataclass(frozen=True)
class Shape:
    """The sizes of a decoder-only transformer, in llama.cpp's spelling."""

    architecture: Architecture
    n_layer: int
    n_embd: int
    n_ff: int
    n_head: int
    n_head_kv: int
    n_vocab: int
    n_ctx_train: int
    quantization: str
    """A llama.cpp file type without its prefix: "Q4_K_M", "Q8_0", "F16"."""
    rope_freq_base: float = 10_000.0
    is_tied: bool = True
    """Whether the output matrix is the embedding matrix."""
    pre_tokenizer: str | None = None
    """llama.cpp's name of the rules that split a text into words, `tokenizer.ggml.pre`; None keeps the tokenizer's."""
    pooling: Pooling | None = None
    """Vector that a model that embeds gives a text; None leaves it open."""

    def __post_init__(self) -> None:
        if self.n_embd % self.n_head:
            raise BadShape(f"n_embd = {self.n_embd} is not a multiple of n_head = {self.n_head}.")
        if self.n_head % self.n_head_kv:
            raise BadShape(f"n_head = {self.n_head} is not a multiple of n_head_kv = {self.n_head_kv}.")
        if self.n_embd_head % 2:
            raise BadShape(f"n_embd / n_head = {self.n_embd_head} must be even for rotary positions.")

    @property
    def n_embd_head(self) -> int:
        return self.n_embd // self.n_head

    @property
    def n_embd_kv(self) -> int:
        return self.n_embd_head * self.n_head_kv


SHAPES: dict[str, Shape] = {
    "tiny": Shape("llama", 2, 64, 128, 4, 2, 49_152, 2_048, "Q8_0"),
    "tiny-bert": Shape("bert", 2, 64, 128, 4, 4, 49_152, 512, "F16", pooling="mean"),
    "smollm2-135m": Shape("llama", 30, 576, 1_536, 9, 3, 49_152, 8_192, "Q4_1", 100_000.0),
    "qwen2.5-0.5b": Shape("qwen2", 24, 896, 4_864, 14, 2, 151_936, 32_768, "Q4_K_M", 1_000_000.0),
    "qwen2.5-1.5b": Shape("qwen2", 28, 1_536, 8_960, 12, 2, 151_936, 32_768, "Q4_K_M", 1_000_000.0),
    "llama-3.2-1b": Shape("llama", 16, 2_048, 8_192, 32, 8, 128_256, 131_072, "Q4_K_M", 500_000.0),
    "llama-3.1-8b": Shape("llama", 32, 4_096, 14_336, 32, 8, 128_256, 131_072, "Q4_K_M", 500_000.0, is_tied=False),
}
