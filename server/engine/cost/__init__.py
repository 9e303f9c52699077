"""What computing takes on this machine with this model, learned from the steps."""
