"""What a client sees: tests that talk to a running server over HTTP, mostly through the official `openai` client."""
