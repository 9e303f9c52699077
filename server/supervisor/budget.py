"""Which models may take memory, and which have to give theirs.

Those that wait for memory get it in the order in which they came. Where there is not enough, models that have nothing
to do go, first the one that was used least recently. None goes that answers, is loading, was loaded by hand, or has
just been used: somebody for whom it was loaded is about to ask. It knows sizes and the life of models, no processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.supervisor.watched_model import WatchedModel

IDLE_SECONDS = 1.0
"""How long a model must have had nothing to do before it goes for another."""

BYTES_PER_MIB = 1 << 20


@dataclass(frozen=True)
class Budget:
    """The memory of all models together; None is any amount."""

    max_bytes: int | None

    def share(self, models: Sequence[WatchedModel], now: float) -> None:
        """Let models load that wait for memory, as far as there is some, or have others make room for them."""
        waiting = [model for model in models if model.waits_for_memory_since is not None]
        for model in sorted(waiting, key=lambda model: model.waits_for_memory_since or 0.0):
            if not self._serve(model, models, now):
                return  # those behind it wait for it, or a large model would never have its turn

    def _serve(self, model: WatchedModel, models: Sequence[WatchedModel], now: float) -> bool:
        """Whether `model` does not wait any more."""
        needed, held = model.needed_bytes, sum(one.held_bytes for one in models)
        if self.max_bytes is None or held + needed <= self.max_bytes:
            model.go_on(now)
            return True
        if needed > self.max_bytes:
            model.refuse(_never_fits(needed, self.max_bytes), now)
            return True
        missing = held + needed - self.max_bytes
        model.tell(_has_to_wait(needed, held, self.max_bytes))
        _make_room(missing, models, now)
        return False


def _make_room(missing: int, models: Sequence[WatchedModel], now: float) -> None:
    """Have models go until those that go give back what is missing."""
    missing -= sum(model.held_bytes for model in models if model.status.state == "unloading")
    idle = [model for model in models if _can_go(model) and now - model.used_at >= IDLE_SECONDS]
    for model in sorted(idle, key=lambda model: model.used_at):
        if missing <= 0:
            return
        missing -= model.held_bytes
        model.make_room(now)


def _can_go(model: WatchedModel) -> bool:
    return model.status.state == "ready" and model.status.load != "manual" and not model.is_busy


def _never_fits(needed: int, most: int) -> str:
    return (
        f"it needs {_mib(needed)} of memory, and all models together may have {_mib(most)} (max_model_memory_mb); "
        "fewer slots, a smaller n_ctx or another cache_type need less"
    )


def _has_to_wait(needed: int, held: int, most: int) -> str:
    return f"waits for memory: it needs {_mib(needed)}, and other models have {_mib(held)} of {_mib(most)}"


def _mib(num_bytes: int) -> str:
    return f"{num_bytes / BYTES_PER_MIB:,.0f} MiB"
