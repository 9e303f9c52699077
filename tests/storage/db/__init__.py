"""Tests of the plumbing of the storage."""
