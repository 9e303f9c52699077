"""Models of random weights, as large and as fast as the real ones."""
