"""The servers that are measured: built, started, stopped, and the processes and databases that they use."""
