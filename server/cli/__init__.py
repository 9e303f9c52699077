"""The command `parley`: one file for each group of commands."""
