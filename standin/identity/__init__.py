"""Tokens, the secret that signs them, and the certificate."""
