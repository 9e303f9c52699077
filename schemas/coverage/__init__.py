"""How much of OpenAI's text API is honoured, refused and tolerated: the one list, and what follows from it."""
