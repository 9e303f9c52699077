"""The settings themselves: name, type, default, limits and one line of documentation each.

The name of a field is its key in `parley.toml`; PARLEY_ and the name in capitals is its variable. docs/settings.md
and parley.toml.example are tested against this file.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from server.protocol.model_options import CacheType, FlashAttention, LoadPolicy, Pooling
from server.settings.bind import TcpAddress, UnixAddress, parse_bind
from server.settings.cores import default_num_workers
from server.settings.hosts import check_host, default_hosts
from server.settings.model_entry import ModelEntry
from server.settings.proxies import UNIX_PEER, parse_network
from server.settings.tables import Table as _Table
from server.settings.tables import setting as _setting
from server.settings.values import (
    MAX_INT32,
    AdapterList,
    ContextSize,
    DraftLength,
    LayerCount,
    Mebibytes,
    Name,
    QueueBound,
    Seconds,
    SlotCount,
    Speculative,
    StepTime,
    ThreadCount,
    TokenCount,
    Truncation,
    TurnCount,
)
from storage.db.address import parse_address

ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[\w.-]+(:[0-9]+)?", re.ASCII)
HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,99}", re.ASCII)
DATABASE_SCHEMES = ("sqlite", "postgresql")
DEFAULT_DATABASE_FILE = "parley.db"
"""In `data_dir`."""


class Settings(_Table):
    """Every setting of the server, validated and frozen.

    The constructor reads neither files nor variables, `load_settings` does.
    """

    bind: str = _setting(
        "127.0.0.1:8000", "Where to listen: `host:port` (port 0: any free one), `[ipv6]:port` or `unix:/path`."
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(
        default_factory=default_num_workers,
        description="HTTP worker processes; they share the engines.",
        json_schema_extra={"default": "1 below four cores, else half of them, at most 4"},
    )
    data_dir: Path = _setting(
        Path("~/.local/share/parley"),
        "Directory of everything that the server keeps on disk.",
        default_text="~/.local/share/parley",
    )
    database_url: str | None = _setting(
        None,
        "Where conversations, users and keys are kept: `sqlite:////absolute/path`, or `postgresql://...` for several "
        "machines.",
        default_text="SQLite in data_dir",
        repr=False,
    )
    model: Name | None = _setting(
        None,
        "The model to serve: a GGUF path, or `repo/name:file-or-pattern` on the Hugging Face hub.",
        default_text="the demo model, if installed",
    )
    n_ctx: ContextSize | None = _setting(
        None,
        "Tokens that one sequence may hold, prompt and completion together.",
        default_text="what the model was trained for, at most 8192",
    )
    slots: SlotCount = _setting(4, "Sequences that one engine generates at once.")
    threads: ThreadCount | None = _setting(
        None, "Threads of one engine; where a GPU has all layers, few are used.", default_text="the physical cores"
    )
    n_gpu_layers: LayerCount | None = _setting(
        None, "Model layers to compute on the GPU.", default_text="all, if llama.cpp was built with a GPU backend"
    )
    flash_attn: FlashAttention = _setting(
        "auto",
        "Flash attention of llama.cpp. `auto` uses it wherever there is a kernel for the model, except where models "
        "that generate are faster in conversations without it: on a CPU, if `n_ctx` is over 512, the KV cache is not "
        "quantized, and 256 MiB are enough to do without (`n_ctx` times attention heads up to 524,288).",
    )
    cache_type_k: CacheType = _setting(
        "f16", "Number format of the keys in the KV cache; `q8_0` takes half the memory of `f16`, `q4_0` a quarter."
    )
    cache_type_v: CacheType = _setting(
        "f16",
        "Number format of the values in the KV cache. Quantized formats need flash attention; keys and values in one "
        "format are fastest.",
    )
    kv_ram_mb: Mebibytes = _setting(
        1024, "Host memory of one engine for conversations that lost their slot, in MiB; 0 is off."
    )
    kv_disk_mb: Mebibytes = _setting(
        0, "Disk for conversations of all engines together, in MiB. With it they go on after a restart; 0 is off."
    )
    kv_cache_scope: Literal["user", "shared"] = _setting(
        "user",
        "Who may profit from prompts that are computed already: only the `user` who sent them, or all (`shared`).",
    )
    speculative: Speculative = _setting(
        "off",
        "Guess tokens ahead and compute them together, where that is faster: `prompt_lookup` guesses that words go on "
        "as they did when they last occurred, `draft` asks a small model.",
    )
    draft_model: Name | None = _setting(
        None, "The small model for `speculative = draft`, named as `model` is. It must have the large one's vocabulary."
    )
    max_draft_tokens: DraftLength = _setting(15, "Most tokens to guess ahead for one sequence.")
    embedding: bool = _setting(False, "Serve the model for embeddings; it generates no text then.")
    pooling: Pooling = _setting(
        "auto",
        "Vector that an embedding model gives a text: the `mean` of its tokens' vectors, the first (`cls`) or the "
        "`last` of them; `auto` is as the model's file says, else the mean.",
    )
    lora: AdapterList = _setting(
        (), "LoRA adapters that change the model's weights: GGUF paths, each as `path` or `path:scale`."
    )
    load: LoadPolicy = _setting(
        "start",
        "When models are loaded: with the server (`start`), by the first request for each (`on-demand`), or when "
        "somebody says so (`manual`).",
    )
    load_timeout_seconds: Seconds = _setting(
        60, "How long a request waits for its model to be loaded before it is told to come back."
    )
    models_dir: Name | None = _setting(
        None, "A folder of GGUF files: each model in it is served, and loaded on demand.", default_text="none"
    )
    models_dirs: tuple[Name, ...] = _setting((), "More such folders.")
    idle_unload_seconds: Seconds | None = _setting(
        None, "How long a model may have nothing to do before it is unloaded.", default_text="for ever"
    )
    max_model_memory_mb: Annotated[int, Field(ge=1, le=MAX_INT32)] | None = _setting(
        None,
        "Memory for all loaded models together, in MiB. Where one more does not fit, those that have nothing to do are "
        "unloaded.",
        default_text="what the machine has, less a tenth, at least 512 MiB",
    )
    auth: Literal["off", "keys", "header"] = _setting(
        "off",
        "Who may use the server: `off` is everybody who can reach it, as one user; `keys` who has an API key; "
        "`header` whom a trusted proxy names.",
    )
    header_user: str = _setting(
        "X-User-ID", "With `auth = header`, the request header in which the proxy names the user."
    )
    trusted_proxies: tuple[str, ...] = _setting(
        ("127.0.0.0/8", "::1", UNIX_PEER),
        "With `auth = header`, who may name users: addresses, networks, and `unix` for peers of a unix socket.",
    )
    allowed_hosts: tuple[Annotated[str, AfterValidator(check_host)], ...] | None = _setting(
        None,
        "Names by which clients may call the server: `chat.example.com`, `*.example.com`, or `*` for any; addresses of "
        "numbers are always allowed.",
        default_text="with auth = off, localhost and the host in bind; else any",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "The least severe messages to log.")
    max_waiting_requests: QueueBound = _setting(256, "Requests that may wait for a slot; more are refused with 429.")
    max_waiting_tokens: QueueBound = _setting(1_000_000, "Prompt tokens that may wait for a slot, in all requests.")
    max_intake_mb: Annotated[int, Field(ge=1, le=65_536)] = _setting(
        32, "Requests that may wait to be tokenized, in MiB together; more are refused with 429."
    )
    max_step_ms: StepTime = _setting(
        400,
        "Longest time, in milliseconds, for which texts that are being generated should pause while a prompt is read; "
        "for a long prompt, or in a crowd, it may be three times that.",
    )
    max_body_mb: Annotated[int, Field(ge=1, le=1024)] = _setting(16, "Largest request body, in MiB.")
    body_timeout_seconds: Seconds = _setting(30, "How long a client may take to send its request body.")
    max_bodies_mb: Annotated[int, Field(ge=1, le=MAX_INT32)] = _setting(
        128,
        "Memory of one worker for the bodies of all its requests, in MiB, at least twice `max_body_mb`; what does not "
        "fit is refused with 429.",
    )
    max_connections: QueueBound | None = _setting(
        None,
        "Connections of one worker. Idle ones are closed where others need the place.",
        default_text="what the limit of open files allows, at most 16384",
    )
    max_connections_per_address: QueueBound | None = _setting(
        None, "Connections of one worker that one address may have.", default_text="half of max_connections"
    )
    ping_seconds: Seconds = _setting(10, "A stream that is silent for this long sends a comment, to stay open.")
    # At least 3, because streams end themselves 2 seconds before the time is up.
    graceful_timeout_seconds: Annotated[int, Field(ge=3, le=3600)] = _setting(
        30, "How long running answers may go on after SIGTERM."
    )
    engine_timeout_seconds: Seconds = _setting(
        120,
        "How long an engine may stand still, in a single step, before it is replaced; after a quarter of that, "
        "`/readyz` calls it stalled.",
    )
    cors_origins: tuple[str, ...] = _setting(
        ("*",), "Web origins whose pages may call the API: `*` or `scheme://host[:port]`, in a variable with commas."
    )
    allow_public_bind: bool = _setting(
        False, "Allow a `bind` beyond this machine while `auth` is `off`: whoever reaches it may use it."
    )
    default_max_tokens: Annotated[int, Field(ge=1, le=MAX_INT32)] | None = _setting(
        None, "Completion tokens when a request names no limit.", default_text="up to the context's end"
    )
    system_prompt: str | None = _setting(
        None, "Instructions for the model where a chat or a response brings none of its own.", default_text="none"
    )
    truncation: Truncation = _setting(
        "disabled",
        "What happens to a response whose conversation is too long, unless the request says it: `disabled` refuses it, "
        "`auto` drops the oldest turns.",
    )
    max_context_turns: TurnCount | None = _setting(
        None,
        "Newest turns of a conversation that a response sees, unless the request says how many.",
        default_text="all",
    )
    max_context_tokens: TokenCount | None = _setting(
        None,
        "Tokens of a response's prompt beyond which the oldest turns are dropped, unless the request says how many.",
        default_text="no bound",
    )
    reasoning_format: Literal["auto", "none"] = _setting(
        "auto",
        "What chat completions do with reasoning: `auto` separates it from the answer, `none` leaves it there.",
    )
    enable_thinking: bool | None = _setting(
        None,
        "Whether a model that can do both thinks before it answers, unless the request says it.",
        default_text="as the model's template has it",
    )
    make_titles: bool = _setting(
        True, "Let the model make a title for a conversation without one, after the first turn."
    )
    models: tuple[ModelEntry, ...] = _setting((), "Several models, each with an engine of its own, instead of `model`.")

    # --- one field at a time ----------------------------------------------------------------------------------------

    @field_validator("bind")
    @classmethod
    def _check_bind(cls, value: str) -> str:
        parse_bind(value)
        return value

    @field_validator("data_dir")
    @classmethod
    def _resolve_data_dir(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"its ~ stands for no directory: {error}") from None

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: str | None) -> str | None:
        if value is not None and urlsplit(value).scheme not in DATABASE_SCHEMES:
            raise ValueError("must begin with sqlite:/// or postgresql://")
        if value is not None:
            parse_address(value)
        return value

    @field_validator("header_user")
    @classmethod
    def _check_header_user(cls, value: str) -> str:
        if not HEADER_NAME.fullmatch(value):
            raise ValueError(
                "must be a header's name of letters, digits and dashes, such as X-User-ID "
                "(headers with underscores never arrive, since they can be confused with others)"
            )
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _check_trusted_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for entry in value:
            if entry != UNIX_PEER:
                parse_network(entry)
        return value

    @field_validator("trusted_proxies", "allowed_hosts", "cors_origins", "lora", "models_dirs", "models", mode="before")
    @classmethod
    def _decode_list(cls, value: object, info: ValidationInfo) -> object:
        """A variable holds a list as JSON or, where its items are texts, separated by commas."""
        if not isinstance(value, str):
            return value
        if info.field_name == "models" or value.lstrip().startswith("["):
            return _parse_json(value)
        return tuple(item.strip() for item in value.split(","))

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise ValueError(f'"{origin}" is no origin: must be * or like https://chat.example.com, without a path')
        return value

    # --- where settings meet; these see the fields above them, in `info.data` if those were valid -------------------

    @field_validator("allow_public_bind")
    @classmethod
    def _guard_public_bind(cls, value: bool, info: ValidationInfo) -> bool:
        bind = info.data.get("bind")
        if not value and info.data.get("auth") == "off" and bind and not parse_bind(bind).is_loopback:
            raise ValueError(
                f'bind = "{bind}" can be reached from other machines, and auth = "off" lets everyone in; '
                "set this to true if that is meant"
            )
        return value

    @field_validator("models")
    @classmethod
    def _refuse_two_ways(cls, value: tuple[ModelEntry, ...], info: ValidationInfo) -> tuple[ModelEntry, ...]:
        model = info.data.get("model")
        if value and model is not None:
            raise ValueError(f'cannot go together with model = "{model}": keep one of the two')
        return value

    # --- derived ----------------------------------------------------------------------------------------------------

    def for_model(self, entry: ModelEntry) -> Settings:
        """Settings of one model: what its table leaves out is as it is for all."""
        own = {key: value for key, value in entry if key in Settings.model_fields and value is not None}
        return self.model_copy(update=own)

    @property
    def folders(self) -> tuple[Path, ...]:
        """`models_dir` and `models_dirs`, absolute, each once."""
        names = (*((self.models_dir,) if self.models_dir else ()), *self.models_dirs)
        return tuple(dict.fromkeys(Path(os.path.abspath(os.path.expanduser(name))) for name in names))

    @property
    def address(self) -> TcpAddress | UnixAddress:
        return parse_bind(self.bind)

    @property
    def storage_url(self) -> str:
        """`database_url`, or its default."""
        return self.database_url or f"sqlite:///{quote(str(self.data_dir / DEFAULT_DATABASE_FILE))}"

    @property
    def effective_allowed_hosts(self) -> tuple[str, ...]:
        """`allowed_hosts`, or its default."""
        return default_hosts(self.auth, self.address) if self.allowed_hosts is None else self.allowed_hosts

    @property
    def max_bodies_bytes(self) -> int:
        """`max_bodies_mb`, but enough for the largest body."""
        return max(self.max_bodies_mb, 2 * self.max_body_mb) << 20

    @property
    def is_loopback(self) -> bool:
        return self.address.is_loopback


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"must be a JSON list ({error})") from None
