"""Answers as they go on the wire: one file per kind, a struct for each object, its fields in the order of the wire.

A field that is not always there is UNSET where it is not; every other one is sent, null included. Nothing here knows
where the values come from.
"""
