"""Stored work in the making, whatever the wire calls it."""
