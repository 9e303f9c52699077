"""Models of random weights whose memory is of the kinds that cannot be cut: a recurrent one and a sliding window.

Written with the `gguf` package, in a second or less; what they say means nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

N_VOCAB = 128
N_EMBD = 32
N_CTX = 256
WINDOW = 16
"""Tokens that most layers of the sliding-window model attend to."""

Shapes = dict[str, tuple[int, ...]]


def write_recurrent(path: Path) -> Path:
    """A Mamba of two layers."""
    inner, state, rank, kernel = 2 * N_EMBD, 8, 4, 4
    writer = _writer(path, "mamba", num_layers=2)
    writer.add_feed_forward_length(0)
    writer.add_head_count(0)
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(rank)
    layer: Shapes = {
        "attn_norm.weight": (N_EMBD,),
        "ssm_in.weight": (2 * inner, N_EMBD),
        "ssm_conv1d.weight": (inner, kernel),
        "ssm_conv1d.bias": (inner,),
        "ssm_x.weight": (rank + 2 * state, inner),
        "ssm_dt.weight": (inner, rank),
        "ssm_dt.bias": (inner,),
        "ssm_a": (inner, state),
        "ssm_d": (inner,),
        "ssm_out.weight": (N_EMBD, inner),
    }
    return _finish(writer, path, layer, num_layers=2)


def write_sliding_window(path: Path) -> Path:
    """A Gemma 3 of six layers, of which five look back over `WINDOW` tokens only."""
    head, num_heads, ffn = 16, 2, 64
    writer = _writer(path, "gemma3", num_layers=6)
    writer.add_feed_forward_length(ffn)
    writer.add_head_count(num_heads)
    writer.add_head_count_kv(num_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_sliding_window(WINDOW)
    layer: Shapes = {
        "attn_norm.weight": (N_EMBD,),
        "attn_q.weight": (num_heads * head, N_EMBD),
        "attn_k.weight": (num_heads * head, N_EMBD),
        "attn_v.weight": (num_heads * head, N_EMBD),
        "attn_output.weight": (N_EMBD, num_heads * head),
        "attn_q_norm.weight": (head,),
        "attn_k_norm.weight": (head,),
        "post_attention_norm.weight": (N_EMBD,),
        "ffn_norm.weight": (N_EMBD,),
        "ffn_gate.weight": (ffn, N_EMBD),
        "ffn_up.weight": (ffn, N_EMBD),
        "ffn_down.weight": (N_EMBD, ffn),
        "post_ffw_norm.weight": (N_EMBD,),
    }
    return _finish(writer, path, layer, num_layers=6)


def _writer(path: Path, architecture: str, num_layers: int) -> GGUFWriter:
    writer = GGUFWriter(path, architecture)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", *(f"t{number}" for number in range(3, N_VOCAB))])
    writer.add_token_scores([0.0] * N_VOCAB)
    writer.add_token_types(
        [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL, *[TokenType.NORMAL] * (N_VOCAB - 3)]
    )
    writer.add_context_length(N_CTX)
    writer.add_embedding_length(N_EMBD)
    writer.add_block_count(num_layers)
    writer.add_layer_norm_rms_eps(1e-5)
    return writer


def _finish(writer: GGUFWriter, path: Path, layer: Shapes, num_layers: int) -> Path:
    shapes: Shapes = {"token_embd.weight": (N_VOCAB, N_EMBD), "output_norm.weight": (N_EMBD,)}
    shapes |= {f"blk.{number}.{name}": shape for number in range(num_layers) for name, shape in layer.items()}
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        weights = random.normal(0.0, 0.3, shape) if len(shape) > 1 else random.normal(1.0, 0.1, shape)
        weights = -np.abs(weights) if name.endswith("ssm_a") else weights
        writer.add_tensor(name, weights.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
