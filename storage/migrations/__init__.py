"""Numbered, forward-only steps that make the tables on SQLite and PostgreSQL. yoyo runs them, see `storage.schema`."""
