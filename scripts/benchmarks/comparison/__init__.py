"""Parley against llama-server: the work, the rounds, the result with what is aimed at, and its drawing."""
