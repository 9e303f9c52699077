"""Who gets a slot, and what each step computes."""
