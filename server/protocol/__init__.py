"""What crosses process borders: messages, their framing, an engine's config, the runtime directory.

It imports msgspec and nothing else. An engine process that is not llama.cpp implements this and nothing more.
"""
