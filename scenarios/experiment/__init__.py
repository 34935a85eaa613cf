"""The experiment: arms, arrivals, and how long to wait before the next try."""
