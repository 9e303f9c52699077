"""The process around an engine: its socket, its connections to workers, its end."""
