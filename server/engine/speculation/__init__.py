"""Speculative decoding: guesses of the next tokens, and whether they pay."""
