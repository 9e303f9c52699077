"""From the logits of one position to the next token, and its logprobs."""
