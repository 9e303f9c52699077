"""Turns submitted messages into requests that are known to fit, off the engine's thread."""
