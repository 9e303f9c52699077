"""Titles of conversations, made by the model in the background."""
