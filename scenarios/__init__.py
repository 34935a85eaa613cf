"""Virtual users on WebSockets, and the Locust process around them."""
