"""The KV cache: slots, prefixes, and the tiers below them in host memory and on disk."""
