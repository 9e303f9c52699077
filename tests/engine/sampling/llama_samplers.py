"""llama.cpp's own samplers on plain arrays, to hold ours against."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import llama_cpp.llama_cpp as llama
import numpy as np
import numpy.typing as npt

from server.engine.sampling.dry import TOKEN_DATA
from server.protocol.values import SamplingParams


@dataclass(frozen=True)
class Left:
    """The candidates that samplers have left, and the chosen one if the last sampler chooses."""

    tokens: npt.NDArray[np.int32]
    logits: npt.NDArray[np.float32]
    chosen: int | None

    def probabilities(self, n_vocab: int) -> npt.NDArray[np.float64]:
        """Probability of every token of the vocabulary."""
        weights = np.exp(self.logits.astype(np.float64) - self.logits.max())
        found = np.zeros(n_vocab)
        found[self.tokens] = weights / weights.sum()
        return found


class LlamaSamplers:
    """Samplers in a row; a context manager that frees them."""

    def __init__(self, *samplers: object) -> None:
        self._chain = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
        for sampler in samplers:
            llama.llama_sampler_chain_add(self._chain, sampler)

    def __enter__(self) -> LlamaSamplers:
        return self

    def __exit__(self, *_: object) -> None:
        llama.llama_sampler_free(self._chain)

    def accept(self, tokens: Sequence[int]) -> None:
        for token in tokens:
            llama.llama_sampler_accept(self._chain, token)

    def apply(self, logits: npt.NDArray[np.float32]) -> Left:
        data = np.zeros(len(logits), dtype=TOKEN_DATA)
        data["id"] = np.arange(len(logits))
        data["logit"] = logits
        pointer = data.ctypes.data_as(ctypes.POINTER(llama.llama_token_data))
        native = llama.llama_token_data_array(data=pointer, size=len(data), selected=-1, sorted=False)
        llama.llama_sampler_apply(self._chain, ctypes.byref(native))
        # XTC moves the beginning.
        first = (ctypes.addressof(native.data[0]) - data.ctypes.data) // TOKEN_DATA.itemsize
        left = data[first : first + native.size]
        chosen = int(left["id"][native.selected]) if native.selected >= 0 else None
        return Left(left["id"].copy(), left["logit"].copy(), chosen)


def filters(params: SamplingParams) -> list[object]:
    """llama-server's samplers between the penalties and the draw, in its order; XTC without its chance."""
    xtc = (params.xtc_probability, params.xtc_threshold)
    return [
        llama.llama_sampler_init_top_n_sigma(params.top_n_sigma),
        llama.llama_sampler_init_top_k(params.top_k),
        llama.llama_sampler_init_typical(params.typical_p, 1),
        llama.llama_sampler_init_top_p(params.top_p, 1),
        llama.llama_sampler_init_min_p(params.min_p, 1),
        llama.llama_sampler_init_xtc(*xtc, 1, 1),
        llama.llama_sampler_init_temp_ext(params.temperature, params.dynatemp_range, params.dynatemp_exponent),
    ]


def mirostat(params: SamplingParams, n_vocab: int) -> list[object]:
    """llama-server's samplers with mirostat."""
    temperature = llama.llama_sampler_init_temp(params.temperature)
    tau, eta = params.mirostat_tau, params.mirostat_eta
    if params.mirostat == 1:
        return [temperature, llama.llama_sampler_init_mirostat(n_vocab, 1, tau, eta, 100)]
    return [temperature, llama.llama_sampler_init_mirostat_v2(1, tau, eta)]


def penalties(params: SamplingParams, n_vocab: int) -> list[object]:
    return [
        llama.llama_sampler_init_penalties(
            n_vocab,
            params.penalty_last_n,
            params.repeat_penalty,
            params.frequency_penalty,
            params.presence_penalty,
        )
    ]
