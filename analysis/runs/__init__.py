"""Run folders on disk: the files that can be read, whether their rows add up, and the engine that scans them."""
