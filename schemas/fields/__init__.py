"""Fields that take JSON's types at their word, say what is wrong and where, and describe themselves as JSON Schema."""
