"""A Windows client on a Linux machine: CPython for Windows under Wine, in `.wine/`, and what is checked there.

`python -m windows.build` builds it, `python -m windows.check` runs wsoak on it, `python -m windows.run` is its
`python.exe`. See docs/windows.md for what this proves and what only a real Windows host can.
"""
