"""The picture of the imports: rooms, the arrows between them, and how large things are.

`scripts/rooms` is the way in, and tests/test_architecture.py reads imports with it. Sources are read and never run, so
that any checkout can be looked at.
"""
