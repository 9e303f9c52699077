"""From a submitted message to a request that is known to fit, off the engine's thread."""
