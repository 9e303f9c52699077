"""How families write calls in a syntax of literals: Python's, or one of their own."""
