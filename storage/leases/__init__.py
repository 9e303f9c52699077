"""Who holds what: the worker that makes a response, the turn that has a conversation, and what comes when they die."""
