"""The measurements of Parley: one file for each subcommand of `scripts/bench`, and the stages of a request."""
