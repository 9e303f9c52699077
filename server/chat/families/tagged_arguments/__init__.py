"""How families write calls in which every argument has tags of its own."""
