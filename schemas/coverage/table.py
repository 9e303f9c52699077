"""What of OpenAI's text API is honoured, refused and tolerated: the one list, for the code and for docs/api.md.

`schemas.coverage.refusals` refuses by it, and tests hold it against the schemas and the types of OpenAI's own client.
It does not say how a parameter is checked: the schemas do.
"""

from __future__ import annotations

from schemas.coverage.neutral import (
    IsNeutral,
    is_empty,
    is_false,
    is_zero,
    never,
    text_only,
)
from schemas.coverage.rows import Endpoint, JSONType, Parameter


def _done(name: str, note: str = "") -> Parameter:
    return Parameter(name, "done", note)


def _extra(name: str, note: str) -> Parameter:
    return Parameter(name, "done", note, is_extra=True)


def _tolerated(name: str, note: str, json_type: JSONType) -> Parameter:
    return Parameter(name, "tolerated", note, json_type=json_type)


def _refused(name: str, note: str, is_neutral: IsNeutral = never) -> Parameter:
    return Parameter(name, "refused", note, is_neutral)


_GENERATION = (
    _done("model", "an id or alias; absent means the default model, unknown is a 404"),
    _done("temperature", "0 to 2"),
    _done("top_p", "0 to 1"),
    _done("presence_penalty", "-2 to 2"),
    _done("frequency_penalty", "-2 to 2"),
    _done("logit_bias", "token ids to -100 to 100; fractions are accepted"),
    _done("seed", "any 64-bit integer"),
    _done("stop", "a string or up to 64 of them, outside of the thoughts; OpenAI accepts 4"),
    _done("n", "more than the model's slots wait for each other"),
    _done("stream"),
    _done("stream_options.include_usage"),
    _tolerated("stream_options.include_obfuscation", "chunks are never padded", "boolean"),
    _done("user", "waiting users are served in turns"),
)

_EXTRAS = (
    _extra("top_k", "0 or -1 is off"),
    _extra("min_p", "0 to 1"),
    _extra("typical_p", "above 0, up to 1"),
    _extra("repeat_penalty", "0.01 to 100; 1 is off"),
    _extra("repetition_penalty", "vLLM's name of `repeat_penalty`"),
    _extra("repeat_last_n", "the tokens that penalties look at, 64 by default; -1 is all"),
    _extra("dry_multiplier", "0 to 100; 0 is off"),
    _extra("dry_base", "1 to 100; 1.75 by default"),
    _extra("dry_allowed_length", "2 by default"),
    _extra("dry_penalty_last_n", "the tokens that DRY looks at, 64 by default; -1 is all"),
    _extra("dry_sequence_breakers", 'up to 16 strings; by default "\\n", ":", """ and "*"'),
    _extra("top_n_sigma", "-1 to 100; 0 or -1 is off"),
    _extra("xtc_probability", "0 to 1; 0 is off"),
    _extra("xtc_threshold", "0 to 1; 0.1 by default, above 0.5 is off"),
    _extra("dynatemp_range", "0 to 2; 0 is off"),
    _extra("dynatemp_exponent", "0 to 10; 1 by default"),
    _extra("mirostat", "1 or 2; 0 is off"),
    _extra("mirostat_tau", "0 to 100; 5 by default"),
    _extra("mirostat_eta", "0 to 1; 0.1 by default"),
    _extra("ignore_eos", "generate on past the model's end of text"),
    Parameter("lora", "refused", "adapters belong to a model, by the server's setting `lora`", is_empty, is_extra=True),
)

_OTHER_SERVERS = (
    _extra("n_predict", "llama-server's name of `max_tokens`, which wins"),
    Parameter("min_tokens", "refused", "the model ends its text; `ignore_eos` lets it go on", is_zero, is_extra=True),
    Parameter(
        "prompt_logprobs", "refused", "completions with `echo` and `logprobs` have those of the prompt", is_extra=True
    ),
    Parameter("return_token_ids", "refused", "`POST /tokenize` has the ids of a text", is_false, is_extra=True),
    Parameter("truncate_prompt_tokens", "refused", "a prompt that is too long is refused, not cut", is_extra=True),
    Parameter("timings_per_token", "tolerated", "`timings` come once, at the end", is_extra=True, json_type="boolean"),
    Parameter(
        "return_progress",
        "tolerated",
        "a stream pings while the prompt is computed",
        is_extra=True,
        json_type="boolean",
    ),
)

_STRUCTURE = (
    _extra("grammar", "GBNF if it has `::=`, else Lark in llguidance's dialect"),
    _extra("json_schema", "llama-server's; a schema as an object"),
    _extra("guided_json", "vLLM's; a schema as an object or a string of JSON"),
    _extra("guided_regex", "vLLM's; in Rust's syntax, matched as a whole"),
    _extra("guided_choice", "vLLM's; one of these strings"),
    _extra("guided_grammar", "vLLM's name of `grammar`"),
    _extra("structured_outputs", "vLLM's; one of `json`, `regex`, `choice`, `grammar`, `json_object`"),
)

_SAFETY_IDENTIFIER_NOTE = "OpenAI's newer name of `user`"

PARAMETERS: dict[str, tuple[Parameter, ...]] = {
    "chat/completions": (
        _done("messages", "roles system, developer, user, assistant, tool, function; text parts only"),
        *_GENERATION,
        _done("max_completion_tokens", "wins over `max_tokens`"),
        _done("max_tokens", "absent or -1 means to the end of the context"),
        _done("logprobs"),
        _done("top_logprobs", "0 to 20"),
        _done("safety_identifier", _SAFETY_IDENTIFIER_NOTE),
        _done("reasoning_effort", "passed to the chat template; `none` switches thinking off where the template can"),
        _done("tools", "functions, up to 1024; `custom` tools are refused; `strict` arguments validate"),
        _done("tool_choice", "`none`, `auto`, `required`, a function, `allowed_tools`"),
        _done("parallel_tool_calls", "false is one call at most"),
        _done("functions", "deprecated form of `tools`, not together with them"),
        _done("function_call", "deprecated form of `tool_choice`"),
        _done("response_format", "`json_schema` is always kept to, `strict` or not; what cannot be kept to is a 400"),
        _refused("store", "completions are not stored yet", is_false),
        _refused("audio", "this server speaks text only"),
        _refused("modalities", "this server speaks text only", text_only),
        _refused("web_search_options", "this server searches nothing"),
        _refused("moderation", "this server has no moderation model"),
        _tolerated("metadata", "chat completions are not stored", "object"),
        _tolerated("prediction", "it would only be faster", "object"),
        _done("prompt_cache_key", "a hint: what was computed stays ten minutes longer; it is found by its tokens"),
        _tolerated("prompt_cache_options", "prefixes are found by their tokens", "object"),
        _done("prompt_cache_retention", "`in_memory` stays off the disk, `24h` is written there after every turn"),
        _tolerated("service_tier", "there is one tier", "string"),
        _tolerated("verbosity", "local models do not know it", "string"),
        *_EXTRAS,
        *_OTHER_SERVERS,
        *_STRUCTURE,
        _extra("chat_template_kwargs", "variables for the chat template"),
        _extra("prompt", "a saved one, of `/v1/prompts`, as the system message; not together with one"),
        _extra(
            "reasoning_format", "`auto` or `deepseek`: reasoning apart in `reasoning_content`; `none`: in the content"
        ),
        _extra("separate_reasoning", "SGLang's; false is `reasoning_format` `none`, which wins"),
        _extra("add_generation_prompt", "false: the prompt ends with the last message"),
        _extra(
            "continue_final_message",
            "the answer goes on with the assistant's last message, of which it does not repeat what is there; not "
            "together with a demanded call",
        ),
        _extra("include_reasoning", "vLLM's; false leaves `reasoning_content` out"),
    ),
    "completions": (
        _done("prompt", "a string, strings, token ids, or arrays of token ids; required"),
        *_GENERATION,
        _done("max_tokens", "16 by default, as OpenAI's; -1 means to the end of the context"),
        _done("suffix", "only for models that can infill, and prompts that are texts"),
        _done("echo", "with `logprobs` also those of the prompt; `max_tokens` may be 0 then"),
        _done("logprobs", "0 to 20; OpenAI accepts up to 5"),
        _done("best_of", "up to 128, by mean logprob; not in a stream unless it equals `n`"),
        *_EXTRAS,
        *_OTHER_SERVERS,
        *_STRUCTURE,
        _extra("response_format", "as chat completions have it"),
        Parameter("safety_identifier", "done", _SAFETY_IDENTIFIER_NOTE, is_extra=True),
    ),
    "embeddings": (
        _done("input", "a string, strings, token ids, or arrays of token ids; up to 2048; required"),
        _done("model", "an id or alias; absent means the default model, unknown is a 404"),
        _done("encoding_format", "`float` or `base64`"),
        _done("dimensions", "up to the model's; the beginning of each vector, at length 1 again"),
        _done("user", "waiting users are served in turns"),
    ),
    "responses": (
        _done("input", "a text or items; text only, items of unknown types are kept and passed over"),
        _done("model", "an id or alias; absent means the default model, unknown is a 404"),
        _done("instructions"),
        _done("previous_response_id", "not together with `conversation`"),
        _done("conversation", "one response at a time: `conversation_locked` otherwise"),
        _done("store", "true by default; false leaves nothing behind"),
        _done("background", "goes on without its client; needs `store`"),
        _done("stream"),
        _tolerated("stream_options.include_obfuscation", "events are never padded", "boolean"),
        _done("max_output_tokens", "absent means to the end of the context"),
        _done("temperature", "0 to 2"),
        _done("top_p", "0 to 1"),
        _done("truncation", "`auto` drops the oldest turns, says how many in `dropped`; absent: the model's setting"),
        _done("metadata"),
        _done(
            "include",
            "`message.output_text.logprobs`; `reasoning.encrypted_content`, which is not encrypted; the rest is "
            "accepted and never there",
        ),
        _done("top_logprobs", "0 to 20, with `include`"),
        _done(
            "reasoning",
            "`effort` as `reasoning_effort` of chat completions; a `summary`, where one is asked for in any of "
            "OpenAI's words, is the thoughts themselves",
        ),
        _done("text", "`format`: `json_schema` is always kept to, `strict` or not; what cannot be kept to is a 400"),
        _done("tools", "functions, `strict` only if they say so; tools of other types are passed over"),
        _done("tool_choice", "functions only, for which `required` and a name are guaranteed"),
        _done("parallel_tool_calls"),
        _done("safety_identifier", _SAFETY_IDENTIFIER_NOTE),
        _done("user", "waiting users are served in turns"),
        _done("prompt", "a saved one, of `/v1/prompts`, whose text the instructions are; not with `instructions`"),
        _refused("moderation", "this server has no moderation model"),
        _tolerated("access_programs", "OpenAI's own", "object"),
        _tolerated("background_options", "a response in the background begins at once", "object"),
        _tolerated(
            "context_management", "nothing is compacted by itself; `truncation` and `context` drop turns", "array"
        ),
        _tolerated("image", "this server speaks text only", "object"),
        _tolerated("max_tool_calls", "this server runs no tools", "integer"),
        _done("prompt_cache_key", "a hint: what was computed stays ten minutes longer; it is found by its tokens"),
        _tolerated("prompt_cache_options", "prefixes are found by their tokens", "object"),
        _done("prompt_cache_retention", "`in_memory` stays off the disk, `24h` is written there after every turn"),
        _tolerated("service_tier", "there is one tier", "string"),
        *_EXTRAS,
        *_STRUCTURE,
        _extra("context.max_turns", "how many turns the model sees, the newest ones; absent: the model's setting"),
        _extra("context.max_tokens", "drops the oldest turns of a longer prompt; absent: the model's setting"),
        _extra("answer_prefix", "a text that the answer begins with, as if the model had said it"),
        _extra("presence_penalty", "-2 to 2"),
        _extra("frequency_penalty", "-2 to 2"),
        _extra("logit_bias", "token ids to -100 to 100"),
        _extra("seed", "any 64-bit integer"),
        _extra("stop", "a string or up to 64 of them, outside of the thoughts"),
        _extra("chat_template_kwargs", "variables for the chat template"),
    ),
    "responses/compact": (
        _done("input", "as for responses"),
        _done("model", "an id or alias; absent means the default model, unknown is a 404"),
        _done("instructions", "what else the summary has to heed"),
        _done("previous_response_id", "what it and those before it said comes before `input`"),
        _extra("store", "true by default, so that `previous_response_id` can name it; false leaves nothing behind"),
        _tolerated("image", "this server speaks text only", "object"),
        _tolerated("prompt_cache_key", "prefixes are found by their tokens", "string"),
        _tolerated("prompt_cache_options", "prefixes are found by their tokens", "object"),
        _tolerated("prompt_cache_retention", "prefixes stay as long as there is room", "string"),
        _tolerated("service_tier", "there is one tier", "string"),
    ),
}
"""By endpoint, without its method and prefix: POST /v1/<endpoint>."""


def _done_at(method: str, path: str, note: str = "") -> Endpoint:
    return Endpoint(method, path, "done", note)


def _not_yet(method: str, path: str, note: str = "") -> Endpoint:
    return Endpoint(method, path, "not yet", note)


def _extra_at(method: str, path: str, note: str) -> Endpoint:
    return Endpoint(method, path, "done", note, is_extra=True)


def _unversioned(method: str, path: str) -> Endpoint:
    return Endpoint(method, path, "done", "llama-server's; the same as below `/v1`", is_extra=True, is_alias=True)


ENDPOINTS: tuple[Endpoint, ...] = (
    _done_at("POST", "/v1/chat/completions"),
    _done_at("POST", "/v1/completions"),
    _done_at("GET", "/v1/models", "also `state`, `progress`, `message`, `capabilities`, `device` and `meta`"),
    _done_at("GET", "/v1/models/{model}", "ids may contain slashes"),
    _not_yet("DELETE", "/v1/models/{model}"),
    _extra_at(
        "POST", "/v1/models/{model}/load", "for admins; `device`: `auto`, `cpu` or `gpu`; a 202 until it is ready"
    ),
    _extra_at("POST", "/v1/models/{model}/unload", "for admins; `force` ends running answers; a 202 until it is done"),
    _extra_at("POST", "/v1/models/load", "for admins; llama-server's; `model`"),
    _extra_at("POST", "/v1/models/unload", "for admins; llama-server's; `model`"),
    _done_at("POST", "/v1/embeddings", "of models with `embedding = true` in the settings"),
    _not_yet("GET", "/v1/chat/completions"),
    _not_yet("GET", "/v1/chat/completions/{completion_id}"),
    _not_yet("POST", "/v1/chat/completions/{completion_id}"),
    _not_yet("DELETE", "/v1/chat/completions/{completion_id}"),
    _not_yet("GET", "/v1/chat/completions/{completion_id}/messages"),
    _done_at("POST", "/v1/responses"),
    _done_at("GET", "/v1/responses/{response_id}", "also as a stream, `starting_after` any event"),
    _done_at("DELETE", "/v1/responses/{response_id}"),
    _done_at("POST", "/v1/responses/{response_id}/cancel", "background only"),
    _done_at("GET", "/v1/responses/{response_id}/input_items", "`include` also `parley.origin`"),
    _done_at("POST", "/v1/responses/input_tokens"),
    _done_at("POST", "/v1/responses/compact", "the user's messages, then a summary as an item, which is not encrypted"),
    _done_at(
        "POST",
        "/v1/conversations",
        "with up to 20 items; also `title`, `instructions`, `defaults`, `pinned` and `archived`",
    ),
    _done_at(
        "GET",
        "/v1/conversations/{conversation_id}",
        "also what is set, `updated_at`, `root_id`, `forked_from`, `active_response_id`; "
        "`include`: `parley.last_response`",
    ),
    _done_at(
        "POST",
        "/v1/conversations/{conversation_id}",
        "`metadata`, `title`, `instructions`, `defaults`, `pinned` and `archived`; null metadata alone is a 400",
    ),
    _done_at(
        "DELETE",
        "/v1/conversations/{conversation_id}",
        "its items go, unless a response or another conversation has them; also `family=true`",
    ),
    _done_at(
        "POST",
        "/v1/conversations/{conversation_id}/items",
        "up to 20; of unknown types as they are; an id that is in the conversation already is a 400",
    ),
    _done_at("GET", "/v1/conversations/{conversation_id}/items", "`include` also `parley.origin`"),
    _done_at("GET", "/v1/conversations/{conversation_id}/items/{item_id}", "`include` also `parley.origin`"),
    _done_at("DELETE", "/v1/conversations/{conversation_id}/items/{item_id}"),
    _not_yet("POST", "/v1/threads"),
    _not_yet("POST", "/v1/threads/runs"),
    _not_yet("GET", "/v1/threads/{thread_id}"),
    _not_yet("POST", "/v1/threads/{thread_id}"),
    _not_yet("DELETE", "/v1/threads/{thread_id}"),
    _not_yet("POST", "/v1/threads/{thread_id}/messages"),
    _not_yet("GET", "/v1/threads/{thread_id}/messages"),
    _not_yet("GET", "/v1/threads/{thread_id}/messages/{message_id}"),
    _not_yet("POST", "/v1/threads/{thread_id}/messages/{message_id}"),
    _not_yet("DELETE", "/v1/threads/{thread_id}/messages/{message_id}"),
    _not_yet("POST", "/v1/threads/{thread_id}/runs"),
    _not_yet("GET", "/v1/threads/{thread_id}/runs"),
    _not_yet("GET", "/v1/threads/{thread_id}/runs/{run_id}"),
    _not_yet("POST", "/v1/threads/{thread_id}/runs/{run_id}"),
    _not_yet("POST", "/v1/threads/{thread_id}/runs/{run_id}/cancel"),
    _not_yet("POST", "/v1/threads/{thread_id}/runs/{run_id}/submit_tool_outputs"),
    _not_yet("GET", "/v1/threads/{thread_id}/runs/{run_id}/steps"),
    _not_yet("GET", "/v1/threads/{thread_id}/runs/{run_id}/steps/{step_id}"),
    *(
        Endpoint(method, path, "done", note, is_extra=True)
        for method, path, note in (
            (
                "GET",
                "/v1/conversations",
                (
                    "newest activity first; `after`, `limit`, `order`, `metadata[k]=v`, `forked_from=ID`, `root=ID`, "
                    "`roots=true`, `pinned=`, `archived=`"
                ),
            ),
            (
                "GET",
                "/v1/conversations/search",
                "one's own, by words of titles, messages and outputs of tools; `query`, `order=rank`, `after`, `limit`",
            ),
            (
                "POST",
                "/v1/conversations/{conversation_id}/fork",
                "a copy, up to the item `item_id` or in front of the item `before` if one of them is given",
            ),
            ("GET", "/v1/prompts", "saved prompts, newest first; `after`, `limit`, `order`"),
            ("POST", "/v1/prompts", "`name`, which is one's only one, and `text` with `{{variable}}`s"),
            ("GET", "/v1/prompts/{prompt_id}", "the newest version, or `version=`"),
            ("POST", "/v1/prompts/{prompt_id}", "`name`, `text` or both; another text is a new version"),
            ("DELETE", "/v1/prompts/{prompt_id}", "with all versions"),
            ("GET", "/v1/prompts/{prompt_id}/versions", "newest first; `after` is the number of one"),
        )
    ),
    Endpoint("GET", "/v1/status", "done", "version, who is asking, and limits", is_extra=True),
    Endpoint("POST", "/tokenize", "done", "llama-server's; also `model`", is_extra=True),
    Endpoint("POST", "/detokenize", "done", "llama-server's; also `model`", is_extra=True),
    Endpoint(
        "POST", "/apply-template", "done", "llama-server's; the prompt that chat completions would make", is_extra=True
    ),
    _unversioned("POST", "/chat/completions"),
    _unversioned("POST", "/embeddings"),
    _unversioned("GET", "/models"),
    _unversioned("GET", "/models/{model}"),
    Endpoint("GET", "/", "done", "the chat page; 503 with what to do if it is not built", is_extra=True),
    Endpoint("GET", "/c/{conversation_id}", "done", "the chat page, which opens that conversation", is_extra=True),
    Endpoint("GET", "/assets/{name}", "done", "what the chat page loads", is_extra=True),
    Endpoint("GET", "/licenses.txt", "done", "those of the packages in the chat page", is_extra=True),
    Endpoint("GET", "/favicon.ico", "done", "the chat page's icon, an SVG", is_extra=True),
    _unversioned("POST", "/models/load"),
    _unversioned("POST", "/models/unload"),
    _unversioned("POST", "/models/{model}/load"),
    _unversioned("POST", "/models/{model}/unload"),
    Endpoint("GET", "/health", "done", "llama-server's; 200 when some model can answer, else 503", is_extra=True),
    Endpoint("GET", "/healthz", "done", "200 while the HTTP side answers", is_extra=True),
    Endpoint("GET", "/metrics", "done", "Prometheus metrics of every model's engine", is_extra=True),
    _extra_at("GET", "/readyz", "200 when what is loaded at the start is ready, else 503 with state and progress"),
)
