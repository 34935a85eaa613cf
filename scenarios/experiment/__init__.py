"""What the run assigns: arms, arrivals, and how long to wait before the next try."""
