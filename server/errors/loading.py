"""How requests fail whose model is not there: the part of the tree that loading and unloading add."""

from __future__ import annotations

from server.errors.tree import DO_NOT_RETRY, Unavailable, echo


class ModelNotLoaded(Unavailable):
    """The model is there, but requests do not load it."""

    default_code = "model_not_loaded"

    def __init__(self, model: str, retry_after_seconds: float = 60) -> None:
        super().__init__(
            f"The model '{echo(model)}' is not loaded, and requests do not load it. Whoever runs this server can: by "
            f"POST /v1/models/{echo(model)}/load, or with `parley models load`.",
            retry_after_seconds,
        )
        self.model = model

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, **DO_NOT_RETRY}


class ModelTooLarge(Unavailable):
    """There will never be memory for the model, as this server is configured; the message has the numbers."""

    default_code = "model_too_large"

    def __init__(self, model: str, message: str, retry_after_seconds: float = 60) -> None:
        super().__init__(f"The model '{echo(model)}' cannot be loaded: {message}", retry_after_seconds)
        self.model = model

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, **DO_NOT_RETRY}


class ModelUnloaded(Unavailable):
    """The model was unloaded by force while it answered."""

    default_code = "model_unloaded"

    def __init__(self, model: str, retry_after_seconds: float = 1) -> None:
        super().__init__(f"The model '{echo(model)}' was unloaded during this request.", retry_after_seconds)
        self.model = model
