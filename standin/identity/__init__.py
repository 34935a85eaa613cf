"""Who may come in: tokens, the secret that signs them, the certificate."""
