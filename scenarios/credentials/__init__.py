"""Test users and their tokens: minted, read from a file, or fetched."""
