"""The cost of computing on this machine with this model, learned from the steps."""
