"""A model's chat template: compiled, bounded, given messages in the form that it was written for."""
