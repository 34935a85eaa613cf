"""The languages of targets: how frames are read, how requests look, how a token travels."""
