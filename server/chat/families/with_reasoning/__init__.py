"""How families write calls and reasoning that only one parser can tell apart."""
