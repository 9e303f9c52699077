"""The chat templates of real models that come with llama.cpp, read from the source package of llama-cpp-python."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache

import pytest

from scripts.benchmarks.measurements.rendering import published_templates
from scripts.benchmarks.servers.build_llama_cpp import BuildFailed, default_cache, fetch_source
from server.chat.template.template import ChatTemplate

CONTROL_TOKENS = ("<|im_start|>", "<|im_end|>", "<|eot_id|>", "[INST]", "[/INST]")


@cache
def sources() -> Mapping[str, str]:
    """The templates by name. The test fails in CI, and is skipped elsewhere, where the package cannot be had."""
    try:
        source = fetch_source(default_cache())
    except BuildFailed as error:
        message = f"the source package of llama-cpp-python, which holds the templates, cannot be had: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return published_templates(source)


def compiled(source: str) -> ChatTemplate:
    """The template as that of a model with some control tokens."""
    return ChatTemplate(source, "<s>", "</s>", CONTROL_TOKENS)
