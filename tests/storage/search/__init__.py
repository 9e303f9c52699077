"""Storage on SQLite and on PostgreSQL, with real threads, processes and kills."""
