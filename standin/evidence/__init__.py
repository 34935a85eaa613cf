"""The stand-in's log, and the ground truth of its faults."""
