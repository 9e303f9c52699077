"""The engine supervisor: a tiny process that starts the engines, watches them and starts them again."""
