"""wsoak's options: `settings` has one field each, `field_kinds` what such a field may say, `help` what is made of them.

`python -m scenarios.options` prints what each one means.
"""

from scenarios.options.field_kinds import Option, options_of
from scenarios.options.settings import (
    ALGORITHMS,
    DEFAULTS,
    MAY_DIFFER,
    OF_THE_MACHINE,
    OPTIONS,
    Settings,
    settings_from,
)

__all__ = [
    "ALGORITHMS",
    "DEFAULTS",
    "MAY_DIFFER",
    "OF_THE_MACHINE",
    "OPTIONS",
    "Option",
    "Settings",
    "options_of",
    "settings_from",
]
