"""JSON Schemas: which can be kept to, and what can be kept of the others."""
