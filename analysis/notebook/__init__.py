"""A run opened for a notebook: its answer, its tables as data frames, and its figures."""
