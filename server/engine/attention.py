"""What attention adds to the cost of a prompt's tokens, which grows with the context before them.

Knows numbers of tokens; it does not know seconds, sequences or models.
"""

from __future__ import annotations

from dataclasses import dataclass

COST_ON_CPU = 2.1
"""What a multiplication of attention costs, where one of the weights costs 1. Measured with AVX-512; what is decided by
it needs no more than the order of magnitude."""


@dataclass(frozen=True)
class Attention:
    """The extra work of a token, for each token of the context before it; a token without any context is 1.

    By default there is none worth speaking of, as on GPUs.
    """

    per_token: float = 0.0

    @classmethod
    def on_cpu(cls, num_weights: int, n_embd: int, n_layer: int) -> Attention:
        """Of a model with so many weights in its layers: a token multiplies by each once, and twice for attention by
        `n_embd` numbers of each token before it in each layer."""
        return cls(COST_ON_CPU * 2 * n_embd * n_layer / max(num_weights, 1))

    def work(self, num_tokens: int, start: int) -> float:
        """Computing tokens at positions [start, start + num_tokens) of one sequence."""
        return num_tokens * (1 + self.per_token * (start + num_tokens / 2))
