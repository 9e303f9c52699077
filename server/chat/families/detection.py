"""Which family a chat template belongs to. It knows the families, and of a template only its source."""

from __future__ import annotations

from server.chat.calls.family import PromptedFamily, ToolFamily
from server.chat.families.json_arguments.apertus import Apertus
from server.chat.families.json_arguments.command_r import CommandR, CommandR7B
from server.chat.families.json_arguments.deepseek import DeepSeek, DeepSeekV31
from server.chat.families.json_arguments.functionary import Functionary31, Functionary32
from server.chat.families.json_arguments.generic import Generic
from server.chat.families.json_arguments.gigachat import GigaChat3, GigaChat31
from server.chat.families.json_arguments.granite import Granite
from server.chat.families.json_arguments.hermes import Hermes
from server.chat.families.json_arguments.hunyuan import Hunyuan
from server.chat.families.json_arguments.kimi import Kimi
from server.chat.families.json_arguments.llama import Llama
from server.chat.families.json_arguments.mistral import Mistral, MistralArray, MistralWithIds
from server.chat.families.json_arguments.nemotron import Nemotron
from server.chat.families.json_arguments.phi import Phi
from server.chat.families.literal_arguments.gemma import FunctionGemma, Gemma
from server.chat.families.literal_arguments.python_calls import BarePython, Lfm2
from server.chat.families.tagged_arguments.deepseek_v32 import DeepSeekV4, DeepSeekV32
from server.chat.families.tagged_arguments.glm import Glm
from server.chat.families.tagged_arguments.hunyuan3 import Hunyuan3
from server.chat.families.tagged_arguments.minicpm import MiniCpm
from server.chat.families.tagged_arguments.minimax import MiniMax
from server.chat.families.tagged_arguments.minimax_m3 import MiniMaxM3
from server.chat.families.tagged_arguments.qwen_coder import QwenCoder, SeedOss
from server.chat.families.with_reasoning.harmony import Harmony
from server.chat.families.with_reasoning.kimi_k3 import KimiK3
from server.chat.families.with_reasoning.solar import Solar

GENERIC: PromptedFamily = Generic()

FAMILIES: tuple[ToolFamily, ...] = (
    # Control tokens that only one family has.
    Harmony(),
    Solar(),
    Kimi(),
    KimiK3(),
    DeepSeekV32(),
    DeepSeekV4(),
    DeepSeekV31(),
    DeepSeek(),
    CommandR7B(),
    MistralWithIds(),
    Mistral(),
    MistralArray(),
    Phi(),
    Granite(),
    Gemma(),
    FunctionGemma(),
    Lfm2(),
    Hunyuan3(),
    Apertus(),
    GigaChat31(),
    GigaChat3(),
    MiniMaxM3(),
    # Tags, the rarer ones first: Hermes' has come to be everybody's.
    MiniMax(),
    MiniCpm(),
    SeedOss(),
    Glm(),
    QwenCoder(),
    Functionary31(),
    Nemotron(),
    Hunyuan(),
    Hermes(),
    # Words.
    Functionary32(),
    BarePython(),
    Llama(),
    CommandR(),
)
"""In the order in which they are asked: the more particular first, as many templates have the words of others too."""


def detect(template_source: str) -> ToolFamily:
    """The first family that recognizes the template; for one that teaches no format that we know, `GENERIC`."""
    return next((family for family in FAMILIES if family.recognizes(template_source)), GENERIC)
