"""The demo model as one that thinks: its weights, with a chat template that opens `<think>`.

It was never taught to, but goes on as the conversation does. Its tokens are longer than a byte, as those of a saying
model are not.
"""

from __future__ import annotations

import struct
from pathlib import Path

from server.models.source import demo_model_path

_KEY = b"tokenizer.chat_template" + struct.pack("<I", 8)
_TEMPLATE = r"""{% for message in messages %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n<think>\n' }}
{%- if enable_thinking is defined and not enable_thinking %}{{ '\n</think>\n\n' }}{% endif %}{% endif %}"""


def write_thinking_model(path: Path, chat_template: str = _TEMPLATE) -> Path:
    """Write it in the place of the demo model's template, which is longer: nothing else in the file moves."""
    demo = demo_model_path()
    assert demo is not None, "the demo model is not installed"
    content = demo.read_bytes()
    start = content.index(_KEY) + len(_KEY)
    (length,) = struct.unpack_from("<Q", content, start)
    template = chat_template.encode()
    filled = template + b"{#%b#}" % (b" " * (length - len(template) - 4))
    assert len(filled) == length
    path.write_bytes(content[: start + 8] + filled + content[start + 8 + length :])
    return path
