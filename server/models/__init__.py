"""Which models there are, and how their files come to this machine: the catalogue, sources, the hub, file checks.

Nothing in this package loads a model, and nothing in it knows llama.cpp, HTTP clients of ours or gevent.
"""
