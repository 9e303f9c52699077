"""Parley: an OpenAI-compatible server for local GGUF models."""

__version__ = "0.1.0"
