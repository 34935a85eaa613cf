"""What a virtual user does on a socket, and the Locust process around it."""
