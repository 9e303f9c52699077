"""Steps of work on schemas, between which a worker's other requests go on.

What is done to a schema takes time that grows with its size alone, but large ones take a tenth of a second or more. It
does not know what a step is.
"""

from __future__ import annotations

import time

STEPS_AT_ONCE = 50
"""Steps, each of some microseconds, until others have their turn."""
TRIAL_STEPS = 20
"""Steps that a question to llguidance counts for."""


class _Pace:
    def __init__(self) -> None:
        self._num_left = STEPS_AT_ONCE

    def step(self, num_steps: int = 1) -> None:
        """Count steps. Now and then this waits until the other greenlets have run, in a worker; they may work, too."""
        self._num_left -= num_steps
        if self._num_left <= 0:
            self._num_left = STEPS_AT_ONCE
            time.sleep(0)


take_step = _Pace().step
