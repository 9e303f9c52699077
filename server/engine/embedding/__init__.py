"""The engine of models that turn texts into vectors, and generate nothing."""
