"""Two releases of a server compared by two runs: is the new one worse, by how much, and is that beyond the margin?"""
