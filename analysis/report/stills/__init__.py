"""Figures as still pictures, drawn without a browser: for GitHub, nbconvert, and whatever runs no script."""
