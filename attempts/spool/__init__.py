"""Rows on their way: recorded, framed, spooled to disk so that a crash loses none, shipped."""
