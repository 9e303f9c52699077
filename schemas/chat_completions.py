"""The body of POST /v1/chat/completions as a `ChatCompletionRequest`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marshmallow import validates_schema

from schemas.fields.base import Array, Boolean, Choice, Integer, JSONObject, Object, Text, invalid, problem
from schemas.generation import (
    MAX_TOP_LOGPROBS,
    REASONING_EFFORTS,
    GenerationSchema,
    TokenLimit,
    generation_options,
    load_fields,
)
from schemas.messages import INSTRUCTION_ROLES, MAX_MESSAGES, Message, MessageField
from schemas.prompt_cache import MAX_KEY_LENGTH, RETENTIONS, PromptCache, prompt_cache
from schemas.prompts import PromptUse, PromptUseSchema
from schemas.sampling import SamplingOptions
from schemas.structured_output import OutputFormat
from schemas.tools import (
    AUTO,
    FunctionChoiceField,
    FunctionField,
    Functions,
    FunctionTool,
    ToolChoice,
    ToolChoiceField,
    ToolField,
    callable_functions,
    check_choice,
)

REASONING_FORMATS = ("auto", "deepseek", "none")
"""llama-server's words for where reasoning goes: the first two take it out of the content, and mean one thing here."""


@dataclass(frozen=True)
class ChatCompletionRequest:
    """What a client wants said next in a conversation."""

    messages: tuple[Message, ...]
    prompt: PromptUse | None = None
    """A saved prompt, whose text is said in front of the messages."""
    model: str | None = None
    """None is the default model."""
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    max_tokens: int | None = None
    """Tokens per choice; None leaves it to the server."""
    stop: tuple[str, ...] = ()
    n: int = 1
    stream: bool = False
    include_usage: bool = False
    """Send a last chunk with the usage; only ever true of a stream."""
    logprobs: bool = False
    top_logprobs: int = 0
    ignore_eos: bool = False
    output_format: OutputFormat | None = None
    """What the text has to be; None is any text."""
    user: str | None = None
    prompt_cache: PromptCache = field(default_factory=PromptCache)
    template_kwargs: dict[str, Any] = field(default_factory=dict)
    """Variables for the chat template, as the client named them."""
    add_generation_prompt: bool = True
    """Whether the prompt ends with the beginning of an answer."""
    continues_last: bool = False
    """Whether the answer goes on with the last message, which is the assistant's; then there is no such beginning."""
    separates_reasoning: bool | None = None
    """Whether reasoning is taken out of the content; None leaves it to the server."""
    includes_reasoning: bool = True
    """Whether reasoning is sent, once it is out of the content."""
    functions: tuple[FunctionTool, ...] = ()
    """Functions that may be called."""
    tool_choice: ToolChoice = AUTO
    parallel_tool_calls: bool = True
    speaks_of_functions: bool = False
    """Whether request and answer are in the deprecated words, `functions` and `function_call`."""

    @property
    def functions_param(self) -> str:
        """Parameter in which the request has its functions."""
        return "functions" if self.speaks_of_functions else "tools"

    @property
    def num_top_logprobs(self) -> int | None:
        """Likeliest tokens beside the chosen one that have a logprob, as the engine counts; None is no logprobs."""
        return self.top_logprobs if self.logprobs else None


class ChatCompletionSchema(GenerationSchema):
    """What is to be said next in a conversation."""

    messages = Array(MessageField(), min_items=1, max_items=MAX_MESSAGES, required=True)
    prompt = Object(PromptUseSchema())
    max_completion_tokens = TokenLimit()
    """OpenAI's newer name of `max_tokens`, which loses when both are given."""
    logprobs = Boolean()
    top_logprobs = Integer(0, MAX_TOP_LOGPROBS)
    reasoning_effort = Choice(REASONING_EFFORTS)
    prompt_cache_key = Text(MAX_KEY_LENGTH)
    prompt_cache_retention = Choice(RETENTIONS)
    chat_template_kwargs = JSONObject()
    tools = Functions(ToolField(), "function", "name")
    tool_choice = ToolChoiceField()
    parallel_tool_calls = Boolean()
    functions = Functions(FunctionField(), "name")
    function_call = FunctionChoiceField()
    reasoning_format = Choice(REASONING_FORMATS)
    separate_reasoning = Boolean()
    """SGLang's switch for what `reasoning_format` says."""
    include_reasoning = Boolean()
    """vLLM's switch that leaves reasoning out."""
    add_generation_prompt = Boolean()
    continue_final_message = Boolean()

    @validates_schema
    def _top_logprobs_need_logprobs(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "top_logprobs" in data and not data.get("logprobs"):
            raise invalid("is only allowed when 'logprobs' is true", "top_logprobs")

    @validates_schema
    def _is_told_one_thing(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "prompt" in data and any(one["role"] in INSTRUCTION_ROLES for one in data.get("messages", ())):
            raise problem("cannot go together with a system message", "mutually_exclusive_parameters", "prompt")

    @validates_schema
    def _continues_what_the_assistant_said(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if not data.get("continue_final_message"):
            return
        last = data["messages"][-1] if data.get("messages") else {}
        if data.get("add_generation_prompt"):
            raise invalid("cannot be true together with 'add_generation_prompt'", "continue_final_message")
        if last.get("role") != "assistant" or "tool_calls" in last:
            raise invalid("needs a last message of the assistant without calls", "continue_final_message")
        if _demands_call(data):
            raise invalid("cannot go together with a demanded call", "continue_final_message")

    @validates_schema
    def _choices_are_among_the_functions(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        for old, new in (("functions", "tools"), ("function_call", "tool_choice")):
            if old in data and ("tools" in data or "tool_choice" in data):
                raise invalid(f"is the deprecated form of '{new}', and cannot be used together with it", old)
        if "tool_choice" in data:
            check_choice(data["tool_choice"], data.get("tools", ()))
        if "function_call" in data:
            check_choice(data["function_call"], data.get("functions", ()), "function_call")


def _demands_call(data: Mapping[str, Any]) -> bool:
    return any(name in data and data[name].mode == "required" for name in ("tool_choice", "function_call"))


SCHEMA = ChatCompletionSchema()


def load_chat_completion(body: Mapping[str, Any]) -> ChatCompletionRequest:
    """The request in a decoded JSON object; raises SchemaError."""
    return _request(load_fields(SCHEMA, "chat/completions", body))


def _request(loaded: Mapping[str, Any]) -> ChatCompletionRequest:
    options = generation_options(loaded)
    options.update((name, loaded[name]) for name in ("logprobs", "top_logprobs") if name in loaded)
    if "max_completion_tokens" in loaded:
        options["max_tokens"] = loaded["max_completion_tokens"]
    return ChatCompletionRequest(
        messages=tuple(loaded["messages"]),
        prompt=PromptUse(**loaded["prompt"]) if "prompt" in loaded else None,
        prompt_cache=prompt_cache(loaded),
        template_kwargs=_template_kwargs(loaded),
        separates_reasoning=_separates_reasoning(loaded),
        includes_reasoning=loaded.get("include_reasoning", True),
        add_generation_prompt=loaded.get("add_generation_prompt", True),
        continues_last=loaded.get("continue_final_message", False),
        **_tool_options(loaded),
        **options,
    )


def _tool_options(loaded: Mapping[str, Any]) -> dict[str, Any]:
    speaks_of_functions = "functions" in loaded
    if speaks_of_functions:
        choice = loaded.get("function_call", ToolChoice(is_single=True))
    else:
        choice = loaded.get("tool_choice", AUTO)
    return {
        "functions": callable_functions(loaded.get("functions", loaded.get("tools", ())), choice),
        "tool_choice": choice,
        "parallel_tool_calls": loaded.get("parallel_tool_calls", True),
        "speaks_of_functions": speaks_of_functions,
    }


def _separates_reasoning(loaded: Mapping[str, Any]) -> bool | None:
    if "reasoning_format" in loaded:
        return bool(loaded["reasoning_format"] != "none")
    separates: bool | None = loaded.get("separate_reasoning")
    return separates


def _template_kwargs(loaded: Mapping[str, Any]) -> dict[str, Any]:
    effort = {"reasoning_effort": loaded["reasoning_effort"]} if "reasoning_effort" in loaded else {}
    return {**effort, **loaded.get("chat_template_kwargs", {})}
