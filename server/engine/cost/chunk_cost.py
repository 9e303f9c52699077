"""The cost of chunks of prompts, learned from the steps that computed some.

A pass over the weights costs something for itself and something for each token in it, so a token of a short chunk costs
more than one of a long chunk. Work is counted in tokens without context; `attention` says what a context adds. Knows
amounts of work and durations; it does not know prompts, sequences or clocks.
"""

from __future__ import annotations

from server.engine.cost.pass_cost import MAX_SURPRISE, SMOOTHING

MEMORY = 1 - SMOOTHING
"""Weight that all earlier steps keep when a new one is learned."""

USUAL_WORK_PER_PASS = 8.0
"""Work that a pass costs for itself, until chunks of several lengths have been seen."""

USUAL_WEIGHT = 0.02
"""Weight of that assumption beside what was seen."""


class ChunkCost:
    """Seconds as a * passes + b * work: least squares of relative errors, in which older steps count for less."""

    def __init__(self) -> None:
        self.seconds_per_token: float | None = None
        """Moving average of the seconds of one token of a prompt; None while nothing is known."""
        self._per_pass = 0.0
        self._per_work = 0.0
        # Sums over steps: products of passes (p), work (w) and 1, each of them first divided by the step's seconds.
        self._pp = self._pw = self._ww = self._p = self._w = 0.0

    @property
    def is_known(self) -> bool:
        return self.seconds_per_token is not None

    @property
    def work_per_pass(self) -> float:
        """Work that a pass costs for itself; 0 while it is unknown."""
        return self._per_pass / self._per_work if self.is_known else 0.0

    def seconds(self, num_passes: int, work: float) -> float:
        """Seconds that this much work takes in `num_passes` passes; 0 while it is unknown."""
        return num_passes * self._per_pass + work * self._per_work

    def work_in(self, seconds: float, num_passes: int = 1) -> float:
        """Work that `num_passes` passes can do in `seconds`; only once the cost is known."""
        return max(0.0, (seconds - num_passes * self._per_pass) / self._per_work)

    def learn(self, num_passes: int, num_tokens: int, work: float, seconds: float) -> None:
        """Account for `num_tokens` tokens of prompts that took `seconds` in `num_passes` passes."""
        if self.is_known:
            seconds = min(seconds, MAX_SURPRISE * self.seconds(num_passes, work))
        known, now = self.seconds_per_token, seconds / num_tokens
        self.seconds_per_token = now if known is None else known + SMOOTHING * (now - known)
        p, w = num_passes / seconds, work / seconds
        self._pp, self._pw, self._ww = MEMORY * self._pp + p * p, MEMORY * self._pw + p * w, MEMORY * self._ww + w * w
        self._p, self._w = MEMORY * self._p + p, MEMORY * self._w + w
        self._fit()

    def _fit(self) -> None:
        """Solve the normal equations. A little of the usual cost is in them, since equal chunks alone have no
        solution."""
        belief, usual = USUAL_WEIGHT * self._pp, USUAL_WORK_PER_PASS
        pp, pw, ww = self._pp + belief, self._pw - belief * usual, self._ww + belief * usual * usual
        determinant = pp * ww - pw * pw
        self._per_pass = (self._p * ww - self._w * pw) / determinant
        self._per_work = (self._w * pp - self._p * pw) / determinant
        if self._per_pass < 0 or self._per_work <= 0:
            self._per_pass, self._per_work = 0.0, self._w / self._ww
