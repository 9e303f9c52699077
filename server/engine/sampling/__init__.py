"""Sampling: the next token and its logprobs from the logits of one position."""
