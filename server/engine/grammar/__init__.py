"""Grammars: compiled once, tried where they do no harm, and followed token by token."""
