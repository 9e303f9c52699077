"""How requests fail: the tree of errors, their bodies by dialect, and what turns them into responses."""
