"""What websockets offers as extensions, on every loop: permessage-deflate (RFC 7692), if it was asked for."""

from __future__ import annotations

from websockets.extensions.base import ClientExtensionFactory
from websockets.extensions.permessage_deflate import enable_client_permessage_deflate

from scenarios.clients.dial import DEFLATE, UpgradeRequest


def extensions_for(request: UpgradeRequest) -> list[ClientExtensionFactory] | None:
    """What to offer, as the library's own `connect` does it; None = nothing."""
    return list(enable_client_permessage_deflate(None)) if DEFLATE in request.extensions else None
