"""From a conversation to the prompt that its model was trained on, and nothing of HTTP or of the engine's workings."""
