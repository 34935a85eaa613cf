"""Power before the run: the hosts and hours that an effect needs."""
