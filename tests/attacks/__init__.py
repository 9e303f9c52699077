"""What one client can do to the others: an attacker beside a client that asks and one that reads a stream."""
