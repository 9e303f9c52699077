"""Embeddings of tiny models in plain numpy: an independent computation of what llama.cpp should give.

Reads a GGUF of scripts/make_model in 16 bits. It knows the two architectures there, BERT (Devlin et al. 2018, norms
behind) and Llama (Touvron et al. 2023, norms in front, rotary positions, grouped queries), and nothing is fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGUFReader

Array = npt.NDArray[np.float64]
EPSILON = 1e-5


class Reference:
    """One model; `hidden` returns the vectors of a text's tokens."""

    def __init__(self, path: Path, adapter: Path | None = None, scale: float = 1.0) -> None:
        """`adapter` is a LoRA of `make_lora`, whose alpha is its rank."""
        reader = GGUFReader(path)
        self.architecture = str(reader.fields["general.architecture"].contents())
        self._tensors = {tensor.name: np.asarray(tensor.data, dtype=np.float64) for tensor in reader.tensors}
        factors = {tensor.name: tensor.data for tensor in GGUFReader(adapter).tensors} if adapter else {}
        for name in self._tensors.keys() & {factor.rpartition(".")[0] for factor in factors}:
            self._tensors[name] += scale * factors[f"{name}.lora_b"] @ factors[f"{name}.lora_a"]
        self.n_layer = self._number(reader, "block_count")
        self.n_head = self._number(reader, "attention.head_count")
        self.n_head_kv = self._number(reader, "attention.head_count_kv")

    def hidden(self, tokens: Sequence[int]) -> Array:
        """Vectors of a text's tokens, shape (number of tokens, n_embd)."""
        return self._bert(tokens) if self.architecture == "bert" else self._llama(tokens)

    def embedding(self, tokens: Sequence[int], pooling: str) -> Array:
        """The text's vector at length 1."""
        hidden = self.hidden(tokens)
        pooled = {"mean": hidden.mean(axis=0), "cls": hidden[0], "last": hidden[-1]}[pooling]
        return np.asarray(pooled / np.linalg.norm(pooled))

    def _number(self, reader: GGUFReader, key: str) -> int:
        return int(reader.fields[f"{self.architecture}.{key}"].contents())

    def _bert(self, tokens: Sequence[int]) -> Array:
        positions = self._tensors["position_embd.weight"][: len(tokens)]
        x = self._tensors["token_embd.weight"][list(tokens)] + positions + self._tensors["token_types.weight"][0]
        x = self._layer_norm(x, "token_embd_norm")
        for layer in range(self.n_layer):
            block = f"blk.{layer}"
            query, key, value = (self._linear(x, f"{block}.attn_{name}") for name in "qkv")
            mixed = self._attend(query, key, value, is_causal=False)
            x = self._layer_norm(x + self._linear(mixed, f"{block}.attn_output"), f"{block}.attn_output_norm")
            inner = self._linear(_gelu(self._linear(x, f"{block}.ffn_up")), f"{block}.ffn_down")
            x = self._layer_norm(x + inner, f"{block}.layer_output_norm")
        return x

    def _llama(self, tokens: Sequence[int]) -> Array:
        x = self._tensors["token_embd.weight"][list(tokens)]
        for layer in range(self.n_layer):
            block = f"blk.{layer}"
            normed = self._rms_norm(x, f"{block}.attn_norm")
            query, key, value = (self._linear(normed, f"{block}.attn_{name}") for name in "qkv")
            query, key = self._rotated(query, self.n_head), self._rotated(key, self.n_head_kv)
            x = x + self._linear(self._attend(query, key, value, is_causal=True), f"{block}.attn_output")
            normed = self._rms_norm(x, f"{block}.ffn_norm")
            gate, up = self._linear(normed, f"{block}.ffn_gate"), self._linear(normed, f"{block}.ffn_up")
            x = x + self._linear(gate / (1 + np.exp(-gate)) * up, f"{block}.ffn_down")
        return self._rms_norm(x, "output_norm")

    def _linear(self, x: Array, name: str) -> Array:
        return x @ self._tensors[f"{name}.weight"].T + self._tensors.get(f"{name}.bias", np.float64(0))

    def _layer_norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + EPSILON)
        return np.asarray(scaled * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"])

    def _rms_norm(self, x: Array, name: str) -> Array:
        return np.asarray(x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPSILON) * self._tensors[f"{name}.weight"])

    def _rotated(self, x: Array, num_heads: int) -> Array:
        """Turn each pair of neighbouring numbers by an angle that grows with the position; base 10,000."""
        num_tokens, width = x.shape
        head = width // num_heads
        pairs = x.reshape(num_tokens, num_heads, head // 2, 2)
        angles = np.arange(num_tokens)[:, None] * 10_000.0 ** (-np.arange(head // 2) * 2 / head)
        cosine, sine = np.cos(angles)[:, None, :], np.sin(angles)[:, None, :]
        first, second = pairs[..., 0], pairs[..., 1]
        turned = np.stack([first * cosine - second * sine, first * sine + second * cosine], axis=-1)
        return turned.reshape(num_tokens, width)

    def _attend(self, query: Array, key: Array, value: Array, *, is_causal: bool) -> Array:
        num_tokens, head = len(query), query.shape[1] // self.n_head
        share = self.n_head // self.n_head_kv
        mixed = np.empty_like(query)
        for index in range(self.n_head):
            mine, theirs = (
                slice(index * head, (index + 1) * head),
                slice(index // share * head, (index // share + 1) * head),
            )
            scores = query[:, mine] @ key[:, theirs].T / np.sqrt(head)
            if is_causal:
                scores = np.where(np.tri(num_tokens, dtype=bool), scores, -np.inf)
            weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
            mixed[:, mine] = weights / weights.sum(axis=-1, keepdims=True) @ value[:, theirs]
        return mixed


def _gelu(x: Array) -> Array:
    """GELU as llama.cpp has it: the approximation with tanh (Hendrycks and Gimpel 2016)."""
    return np.asarray(x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))))
