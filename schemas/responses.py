"""The bodies of POST /v1/responses and POST /v1/responses/input_tokens.

Input items are complete and valid items, as `schemas.items` loads them; whether the model understands them, and
whether the conversation or the response that is referred to exists, is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import post_load, validates_schema

from schemas.fields.base import (
    Array,
    Boolean,
    Choice,
    Integer,
    JSONObject,
    Object,
    RequestSchema,
    StrictField,
    Text,
    as_object,
    at,
    invalid,
    problem,
    wrong_type,
)
from schemas.fields.ids import CONVERSATION, Id
from schemas.fields.json_schema import Definitions, JSONSchema, an_object, any_of, nullable
from schemas.fields.loading import load
from schemas.fields.metadata import Metadata
from schemas.generation import (
    MAX_NAME_LENGTH,
    MAX_TOKENS,
    MAX_TOP_LOGPROBS,
    REASONING_EFFORTS,
    StopStrings,
    load_fields,
)
from schemas.items import Item, items_field, message
from schemas.pages import INCLUDABLES, Query, QueryBoolean, QueryInteger, check_include
from schemas.prompt_cache import MAX_KEY_LENGTH, RETENTIONS, PromptCache, prompt_cache
from schemas.prompts import PromptUse, PromptUseSchema
from schemas.response_tools import Choosing, ChoosingField, Tools, check_choosing
from schemas.sampling import SamplingOptions, SamplingSchema, sampling_options
from schemas.structured_output import OutputFormat, ResponseFormat, StructureSchema, output_format, refuse_several
from schemas.tools import FunctionTool, callable_functions

MAX_INPUT_ITEMS = 10_000

MAX_EVENTS = 2**53

REASONING_SUMMARIES = ("auto", "concise", "detailed")

RESPONSE = "resp_"

LOGPROBS = "message.output_text.logprobs"
ENCRYPTED_REASONING = "reasoning.encrypted_content"

COMMON_NAMES = (
    "model",
    "instructions",
    "previous_response_id",
    "stream",
    "store",
    "background",
    "metadata",
    "parallel_tool_calls",
    "truncation",
    "context",
    "tools",
    "text",
    "stop",
    "ignore_eos",
    "answer_prefix",
)
"""Fields of the schema that are fields of the request as they are."""


@dataclass(frozen=True)
class ContextOptions:
    """How much of the conversation the model shall see."""

    max_turns: int | None = None
    max_tokens: int | None = None
    """Tokens of the prompt."""


@dataclass(frozen=True)
class TextOptions:
    """A demand that `text.format` makes of the text, as it is meant and as the client wrote it."""

    format: OutputFormat | None = None
    written: dict[str, Any] = field(default_factory=lambda: {"type": "text"})


@dataclass(frozen=True)
class ResponsesRequest:
    """What a client wants done next, and what it knows already of the conversation."""

    input: tuple[Item, ...] = ()
    model: str | None = None
    """None is the default model."""
    instructions: str | None = None
    prompt: PromptUse | None = None
    """A saved prompt, whose text takes the place of instructions."""
    previous_response_id: str | None = None
    conversation_id: str | None = None
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    max_tokens: int | None = None
    """Tokens of the output; None leaves it to the server."""
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    answer_prefix: str = ""
    """What the text of the answer begins with, as if the model had said so."""
    stream: bool = False
    store: bool = True
    background: bool = False
    truncation: str | None = None
    """Whether a prompt that is too long is cut; None leaves it to the model's settings, as with `context`."""
    context: ContextOptions = field(default_factory=ContextOptions)
    tools: tuple[FunctionTool, ...] = ()
    """All functions that there are."""
    choosing: Choosing = field(default_factory=Choosing)
    parallel_tool_calls: bool = True
    text: TextOptions = field(default_factory=TextOptions)
    output_format: OutputFormat | None = None
    """What the text has to be, by `text` or by one of the extras; None is any text."""
    metadata: dict[str, str] = field(default_factory=dict)
    num_top_logprobs: int | None = None
    """Likeliest tokens beside the chosen one that have a logprob, as the engine counts; None is no logprobs."""
    reasoning_effort: str | None = None
    reasoning_summary: str | None = None
    """The client's word for the summary it wants; None is none. All words mean the thoughts themselves."""
    seals_reasoning: bool = False
    """Whether reasoning is also sent as `encrypted_content`."""
    user: str | None = None
    prompt_cache: PromptCache = field(default_factory=PromptCache)
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Variables for the chat template, as the client named them."""

    @property
    def functions(self) -> tuple[FunctionTool, ...]:
        """Functions that may be called."""
        return callable_functions(self.tools, self.choosing.meant)

    @property
    def n(self) -> int:
        """Number of choices: a response is one."""
        return 1


class Input(StrictField[tuple[Item, ...]]):
    """A text of the user, or items."""

    _items = items_field(max_items=MAX_INPUT_ITEMS)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Item, ...]:
        if isinstance(value, str):
            return (message("user", value),)
        if not isinstance(value, list):
            raise wrong_type("a string or an array of items", value)
        items = tuple(self._items.load(value))
        for index, item in enumerate(items):
            with at(index):
                _refuse_media(item)
        return items

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        return any_of({"type": "string"}, self._items.json_schema(definitions))


class ConversationReference(StrictField[str]):
    """The id of a conversation, alone or in an object."""

    _id = Id(CONVERSATION)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, dict):
            return self._id.load(value)
        with at("id"):
            return self._id.load(value.get("id"))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        one = self._id.json_schema(definitions)
        return any_of(one, an_object({"id": one}))


class ReasoningOptionsSchema(RequestSchema):
    """How long the model thinks, and whether its thoughts are told as a summary, too."""

    effort = Choice(REASONING_EFFORTS)
    summary = Choice(REASONING_SUMMARIES)
    generate_summary = Choice(REASONING_SUMMARIES)
    """OpenAI's older name of `summary`, which wins when both are given."""
    context = Text()
    """Tolerated, as is `mode`: which thoughts a model sees again is its template's business."""
    mode = Text()


class TextField(StrictField[TextOptions]):
    """The object `text`. Its `verbosity` is tolerated: local models do not know it."""

    _format = ResponseFormat("text.format", is_flat=True)
    _verbosity = Text()

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> TextOptions:
        if (verbosity := as_object(value).get("verbosity")) is not None:
            with at("verbosity"):
                self._verbosity.load(verbosity)
        written = value.get("format")
        if written is None:
            return TextOptions()
        with at("format"):
            return TextOptions(self._format.load(written), _shown_format(as_object(written)))

    def json_schema(self, definitions: Definitions) -> JSONSchema:
        described = {
            "format": self._format.json_schema(definitions),
            "verbosity": self._verbosity.json_schema(definitions),
        }
        return an_object({}, {name: nullable(schema) for name, schema in described.items()})


def _shown_format(written: dict[str, Any]) -> dict[str, Any]:
    """A format with the name that OpenAI's types require, and its clients give."""
    return {**written, "name": written.get("name") or "output"} if written["type"] == "json_schema" else written


class ContextSchema(RequestSchema):
    """How much of the conversation the model sees; not in OpenAI's API."""

    max_turns = Integer(1, MAX_TOKENS)
    max_tokens = Integer(1, MAX_TOKENS)

    @post_load
    def _options(self, data: Mapping[str, Any], **kwargs: Any) -> ContextOptions:
        return ContextOptions(**data)


class ResponsesSchema(SamplingSchema, StructureSchema):
    """What is to be done next, and what is known already of the conversation."""

    input = Input()
    model = Text(MAX_NAME_LENGTH)
    instructions = Text()
    prompt = Object(PromptUseSchema())
    previous_response_id = Id(RESPONSE)
    conversation = ConversationReference()
    max_output_tokens = Integer(1, MAX_TOKENS)
    stop = StopStrings()
    ignore_eos = Boolean()
    answer_prefix = Text()
    stream = Boolean()
    store = Boolean()
    background = Boolean()
    truncation = Choice(("auto", "disabled"))
    context = Object(ContextSchema())
    tools = Tools()
    tool_choice = ChoosingField()
    parallel_tool_calls = Boolean()
    text = TextField()
    reasoning = Object(ReasoningOptionsSchema())
    metadata = Metadata()
    include = Array(Choice(INCLUDABLES))
    top_logprobs = Integer(0, MAX_TOP_LOGPROBS)
    user = Text(MAX_NAME_LENGTH)
    safety_identifier = Text(MAX_NAME_LENGTH)
    """OpenAI's newer name of `user`, which wins when both are given."""
    prompt_cache_key = Text(MAX_KEY_LENGTH)
    prompt_cache_retention = Choice(RETENTIONS)
    chat_template_kwargs = JSONObject()

    @validates_schema
    def _says_something(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if not data.get("input") and not {"previous_response_id", "conversation"} & data.keys():
            reason = "is required unless 'previous_response_id' or 'conversation' is given"
            raise problem(reason, "missing_required_parameter", "input")

    @validates_schema
    def _has_one_history(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if {"previous_response_id", "conversation"} <= data.keys():
            raise problem(
                "cannot go together with 'conversation'", "mutually_exclusive_parameters", "previous_response_id"
            )

    @validates_schema
    def _is_told_one_thing(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if {"prompt", "instructions"} <= data.keys():
            raise problem("cannot go together with 'prompt'", "mutually_exclusive_parameters", "instructions")

    @validates_schema
    def _background_is_stored(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data.get("background") and data.get("store") is False:
            raise invalid("needs the response to be stored, but 'store' is false", "background")

    @validates_schema
    def _one_output_format(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if error := refuse_several(_demands(data)):
            raise error

    @validates_schema
    def _choice_is_among_the_functions(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "tool_choice" in data:
            check_choosing(data["tool_choice"], data.get("tools", ()))

    @validates_schema
    def _prefix_is_text_of_an_answer(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data.get("answer_prefix") and data.get("tool_choice", Choosing()).meant.mode == "required":
            raise invalid("cannot go together with a demanded call", "answer_prefix")


SCHEMA = ResponsesSchema()


def load_response(body: Mapping[str, Any]) -> ResponsesRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return _request(load_fields(SCHEMA, "responses", body))


def _request(loaded: Mapping[str, Any]) -> ResponsesRequest:
    given = {name: loaded[name] for name in COMMON_NAMES if name in loaded}
    reasoning = loaded.get("reasoning", {})
    effort = reasoning.get("effort")
    return ResponsesRequest(
        input=loaded.get("input", ()),
        prompt=PromptUse(**loaded["prompt"]) if "prompt" in loaded else None,
        conversation_id=loaded.get("conversation"),
        sampling=sampling_options(loaded),
        max_tokens=loaded.get("max_output_tokens"),
        choosing=loaded.get("tool_choice", Choosing()),
        output_format=output_format(_demands(loaded)),
        num_top_logprobs=_num_top_logprobs(loaded),
        reasoning_effort=effort,
        reasoning_summary=reasoning.get("summary", reasoning.get("generate_summary")),
        seals_reasoning=ENCRYPTED_REASONING in loaded.get("include", ()),
        user=loaded.get("user", loaded.get("safety_identifier")),
        prompt_cache=prompt_cache(loaded),
        template_kwargs={**({"reasoning_effort": effort} if effort else {}), **loaded.get("chat_template_kwargs", {})},
        **given,
    )


def _demands(loaded: Mapping[str, Any]) -> dict[str, Any]:
    """The loaded fields, with the format of the text as one of them."""
    return {**loaded, "text.format": loaded["text"].format if "text" in loaded else None}


def _num_top_logprobs(loaded: Mapping[str, Any]) -> int | None:
    return loaded.get("top_logprobs", 0) if LOGPROBS in loaded.get("include", ()) else None


def _refuse_media(item: Item) -> None:
    """Refuse parts of new messages that no model here can read. In older items they are left out by name.

    So they are in the outputs of tools: a client sends these again with every turn, and so would never get further.
    """
    parts = item.get("content")
    for index, part in enumerate(parts if isinstance(parts, list) else ()):
        kind = as_object(part).get("type")
        if kind in ("input_image", "input_file", "computer_screenshot"):
            with at("content"), at(index):
                raise problem(f"is a part of type '{kind}', but this model takes text only", "unsupported_parameter")


@dataclass(frozen=True)
class Retrieval:
    """A wish for a stored response, as it is now or as the stream of its events."""

    stream: bool = False
    starting_after: int = -1
    """Number of the last event that the client has; -1 is none."""


class RetrievalSchema(RequestSchema):
    stream = QueryBoolean()
    starting_after = QueryInteger(0, MAX_EVENTS)
    include_obfuscation = QueryBoolean()


RETRIEVAL = RetrievalSchema()


def load_retrieval(query: Query) -> Retrieval:
    """What the query of GET /v1/responses/{id} asks for; raises SchemaError."""
    check_include(query)
    given = {name: values[0] for name, values in query.items() if values and values[0]}
    loaded = load(RETRIEVAL, given)
    return Retrieval(stream=loaded.get("stream", False), starting_after=loaded.get("starting_after", -1))
