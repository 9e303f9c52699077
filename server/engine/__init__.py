"""The engine: token ids in, token events out. It knows nothing of HTTP, gevent, JSON bodies or SQL."""
