"""Counters of the KV cache and its tiers: plain numbers for anybody who shows them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class KVStats:
    """Counts since the engine started, and what the tiers hold now."""

    slot_hit_tokens: int = 0
    """Prompt tokens that were found in a slot."""
    ram_hit_tokens: int = 0
    """Prompt tokens that were found in host memory."""
    disk_hit_tokens: int = 0
    """Prompt tokens that were found on disk."""
    num_restores: int = 0
    """States that were put into slots, or should have been."""
    num_failed_restores: int = 0
    num_ram_evictions: int = 0
    """States that left host memory because others needed the room."""
    num_writes: int = 0
    """States that were written to disk."""
    num_disk_evictions: int = 0
    """States of any model that left the disk because others needed the room."""
    num_disk_failures: int = 0
    """States that could not be written or read back."""
    num_ram_bytes: int = 0
    num_ram_tokens: int = 0
    num_disk_tokens: int = 0
