"""What values of settings may be: types with their limits. It does not know which settings there are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from server.settings.adapters import check_adapter

MAX_INT32 = 2**31 - 1
MAX_SLOTS = 256
"""LLAMA_MAX_SEQ, llama.cpp's most sequences in a context."""
MAX_THREADS = 512
"""GGML_MAX_N_THREADS."""

Seconds = Annotated[float, Field(gt=0, le=86_400)]
ContextSize = Annotated[int, Field(ge=16, le=MAX_INT32)]
SlotCount = Annotated[int, Field(ge=1, le=MAX_SLOTS)]
ThreadCount = Annotated[int, Field(ge=1, le=MAX_THREADS)]
LayerCount = Annotated[int, Field(ge=0, le=MAX_INT32)]
Speculative = Literal["off", "prompt_lookup", "draft"]
DraftLength = Annotated[int, Field(ge=1, le=32)]
StepTime = Annotated[int, Field(ge=10, le=60_000)]
Mebibytes = Annotated[int, Field(ge=0, le=MAX_INT32)]
QueueBound = Annotated[int, Field(ge=1, le=MAX_INT32)]
TurnCount = Annotated[int, Field(ge=1, le=MAX_INT32)]
TokenCount = Annotated[int, Field(ge=1, le=MAX_INT32)]
Name = Annotated[str, Field(min_length=1)]
Truncation = Literal["auto", "disabled"]
AdapterList = tuple[Annotated[str, AfterValidator(check_adapter)], ...]
