"""The plumbing of the storage: addresses, connections, sessions, SQL, tables and their migrations."""
