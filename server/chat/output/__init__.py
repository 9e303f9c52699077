"""How one request's output is asked for and read."""
