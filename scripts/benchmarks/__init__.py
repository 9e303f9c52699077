"""The benchmarks: what Parley costs and how fast it is, measured through HTTP beside llama.cpp's own programs.

Nothing in here is part of the server, and the server knows nothing of it. `scripts/bench` and `scripts/make_model`
are the ways in; what is asked of the servers goes over HTTP, so that any of them can be measured.
"""
