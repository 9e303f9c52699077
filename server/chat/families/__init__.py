"""How each family of models writes its tool calls: one module a family, behind the protocol in `family`."""
