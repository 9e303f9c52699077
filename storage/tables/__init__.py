"""Rows of the tables, as several parts of the storage read and write them. Nobody else does."""
