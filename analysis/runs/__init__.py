"""What is on disk: which files can be read, whether their rows add up, and the engine that scans them."""
