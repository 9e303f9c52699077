"""The machinery that formats of tool calls are made of; it knows none of them."""
