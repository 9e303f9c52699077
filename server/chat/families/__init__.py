"""How each family of models writes its tool calls, by how arguments are written; `detection` knows all families."""
