"""What lasts: users, keys, conversations, items, responses, on SQLite or PostgreSQL. Only this package knows Pony."""
