"""What the stand-in leaves: its log, and the ground truth of its faults."""
