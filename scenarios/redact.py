"""Text for people, without tokens.

Redaction is the second line: tokens are kept out of texts in the first place. It errs on the side of
hiding too much.
"""

from __future__ import annotations

import re
from typing import Final

# A JWT is three base64url parts; one that was base64url-encoded whole is a long word; both may follow
# a telling word. 32 characters are longer than a connection id and shorter than any signature.
_SECRETS: Final = re.compile(
    r"(?i)\b(?:bearer|basic)\s+\S+"
    r"|\beyJ[\w-]*(?:\.[\w-]*){0,2}"
    r"|\b(?:jwt\.|token=|secret=|password=)\S+"
    r"|(?<![\w/:-])[\w-]{32,}={0,2}"
)

# Enough for a sentence; a `detail` is for people and read by no analysis.
MAX_DETAIL: Final = 200


# A query or a user's part may hold a key; the rest of a URL is needed to know what was done.
_QUERY: Final = re.compile(r"(\b[a-z]+://[^\s?]*)\?\S*", re.IGNORECASE)
_USER: Final = re.compile(r"(\b[a-z]+://)[^\s/?#@]*@", re.IGNORECASE)


def plain_urls(text: str) -> str:
    """The text whose URLs have lost their queries and users."""
    return _USER.sub(r"\1<redacted>@", _QUERY.sub(r"\1?<redacted>", text))


def redacted(text: str, *, limit: int = MAX_DETAIL) -> str:
    """The text with all that may be a credential replaced, on one line, cut to `limit` characters."""
    return _SECRETS.sub("<redacted>", " ".join(text.split()))[:limit]
