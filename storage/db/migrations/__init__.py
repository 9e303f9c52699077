"""Numbered, forward-only steps that make the tables on SQLite and PostgreSQL. `storage.db.schema` runs them."""
