from __future__ import annotations

import pytest

from server.chat.calls.family import ChannelFamily
from server.chat.families.detection import FAMILIES, GENERIC, detect
from server.chat.families.json_arguments import deepseek
from server.chat.families.tagged_arguments import deepseek_v32
from server.chat.template.template import FALLBACK_SOURCE
from tests.chat.chat_templates import source_of

TEMPLATES = {
    "thinking": "hermes",
    "channels": "harmony",
    "header_ids": "llama",
    "instructions": "mistral-array",
    "fullwidth": "deepseek",
    "chatml": "generic",
    "no_system": "generic",
    "role_tokens": "generic",
}

CHATML = "{{ '<|im_start|>' + message.role + '\\n' + message.content }}"
HERMES = "{{ '<tool_call>\\n{\"name\": \"' + call.name + '\", \"arguments\": ' + arguments + '}\\n</tool_call>' }}"
HEADERS = "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' }}"
MISTRAL = "{{ '[AVAILABLE_TOOLS]' + tools | tojson + '[/AVAILABLE_TOOLS]' }}{{ '[TOOL_CALLS]' + call.name"
GRANITE = "{{ '<|start_of_role|>' + message.role + '<|end_of_role|>' }}"
TAGS = (
    "For each call write <tool_call>\n<function=name>\n<parameter=key>\nvalue\n</parameter>\n</function>\n</tool_call>"
)
DEEPSEEK = f"{{{{ '{deepseek.CALLS_BEGIN}{deepseek.CALL_BEGIN}' + call.name + '{deepseek.SEPARATOR}' + call.arguments"

SNIPPETS = {
    "generic": CHATML,
    "hermes": CHATML + HERMES,
    "harmony": "{{ '<|start|>assistant<|channel|>final<|message|>' + message.content + '<|end|>' }}",
    "kimi": "{{ '<|im_system|>tool_declare<|im_middle|>' + tools | tojson }}",
    "kimi-k3": "{%- macro xtml_type(v) -%}{%- endmacro -%}{{- '<|open|>' + tag + '<|sep|>' -}}",
    "deepseek-v3.1": DEEPSEEK + " }}",
    "deepseek-v3.2": f"Write <{deepseek_v32.MARK}function_calls> in your reply.",
    "deepseek-v4": f"{{%- set dsml = '{deepseek_v32.MARK}' -%}}{{{{- '<' + dsml + 'tool_calls>' -}}}}",
    "command-r7b": "Write <|START_ACTION|> followed by a list of JSON-formatted tool calls.",
    "command-r": 'Write \'Action:\' followed by a list:\n```json\n[{"tool_name": title, "parameters": {}}]```',
    "mistral": MISTRAL + " + '[ARGS]' + call.arguments }}",
    "mistral-ids": MISTRAL + " + '[CALL_ID]' + call.id + '[ARGS]' + call.arguments }}",
    "mistral-array": "{{ '[TOOL_CALLS] [' + calls + ']' }}",
    "phi": "{{ '<|system|>' + message.content + '<|tool|>' + message.tools + '<|/tool|>' + '<|end|>' }}",
    "granite": GRANITE + "Write <|tool_call|> followed by a JSON list of tools.",
    "gemma": "{{ '<|tool_call>call:' + call.name + '{' + arguments + '}<tool_call|>' }}",
    "function-gemma": "{{ '<start_function_declaration>' + tool.name + '<end_function_declaration>' }}",
    "lfm2": "{{ 'List of tools: <|tool_list_start|>' + tools | tojson + '<|tool_list_end|>' }}",
    "hunyuan-3": "{%- set end = ':opensource' %}{{ '<tool_call{}>'.format(end) + name + '<tool_sep{}>'.format(end) }}",
    "apertus": "{{ '<|tools_prefix|>[' + calls + ']<|tools_suffix|>' }}",
    "gigachat-3": "{{ role + '<|role_sep|>\n' }}{% set call = {'role': 'function call', 'content': call} %}",
    "gigachat-3.1": "{{ role + '<|role_sep|>\n' + message.content + '<|function_call|>' + call }}",
    "functionary-3.1": HEADERS + "Write <function=example_name>{parameters}</function> to call one.",
    "functionary-3.2": HEADERS + "{{ '>>>all\n' + message.content }}{{ '>>>' + call.name + '\n' + call.arguments }}",
    "minicpm": 'Write\n<function name="function-name"><param name="param-name">param-value</param></function>',
    "solar": "{{ '<|tool_call:begin|>' + call.id + '<|tool_call:name|>' + call.function.name }}",
    "minimax": 'Write <minimax:tool_call>\n<invoke name="tool">\n<parameter name="key">value</parameter>\n</invoke>',
    "minimax-m3": "{{ ']<]minimax[>[<tool_call>' }}{{ ']<]minimax[>[<invoke name=\"' + call.name + '\">' }}",
    "seed-oss": TAGS.replace("tool_call", "seed:tool_call"),
    "glm": "Write <tool_call>{name}\n<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n</tool_call>",
    "qwen-coder": CHATML + TAGS,
    "nemotron": 'Write <TOOLCALL>[{"name": "tool", "arguments": {}}]</TOOLCALL>',
    "hunyuan": 'Write <tool_calls>[{"name": "tool", "arguments": {}}]</tool_calls>',
    "pythonic": HEADERS + "You must write [func_name1(name1=value1, name2=value2), func_name2(name=value)]",
    "llama": HEADERS + '{{ \'{"name": "\' + call.name + \'", "parameters": \' + call.arguments | tojson }}',
}


@pytest.mark.parametrize(("template", "family"), TEMPLATES.items())
def test_the_family_is_known_by_the_template(template: str, family: str) -> None:
    assert detect(source_of(template)).name == family


@pytest.mark.parametrize(("family", "source"), SNIPPETS.items())
def test_what_a_template_writes_or_tells_the_model_is_enough(family: str, source: str) -> None:
    assert detect(source).name == family


def test_every_family_is_found() -> None:
    assert {*SNIPPETS, *TEMPLATES.values()} == {family.name for family in (*FAMILIES, GENERIC)}


def test_hermes_format_is_found_in_templates_of_other_models() -> None:
    assert detect(HEADERS + HERMES).name == "hermes"
    assert detect(GRANITE + HERMES).name == "hermes"
    assert detect("[INST]" + HERMES).name == "hermes"


def test_lfm2_format_is_found_where_the_template_shows_tools_only() -> None:
    assert detect(CHATML + "{{ 'List of tools: [' + tools | join(', ') + ']' }}").name == "lfm2"


def test_dsml_is_found_where_the_template_puts_the_tags_together() -> None:
    source = f"{{%- set dsml = '{deepseek_v32.MARK}' -%}}{{{{- '<' + dsml + 'function_calls>' -}}}}"
    assert detect(source).name == "deepseek-v3.2"


def test_a_model_without_a_template_gets_the_generic_format() -> None:
    assert detect(FALLBACK_SOURCE) is GENERIC


def test_families_that_own_the_reasoning_say_what_is_in_front_of_an_answer() -> None:
    for family in (*FAMILIES, GENERIC):
        assert isinstance(family, ChannelFamily) == family.owns_reasoning, family.name


def test_families_have_names_of_their_own() -> None:
    names = [family.name for family in (*FAMILIES, GENERIC)]
    assert len(names) == len(set(names))
