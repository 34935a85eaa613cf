"""An OAuth server of another maker (Authlib on Flask) that gives a client a token for its secret.

It has one client and one grant, client credentials (RFC 6749, section 4.4), at `/token`. It does not decode the parts
of a Basic header, as section 2.3.1 would have it: its client has a name and a secret that are the same either way.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from flask import Flask, Response

CLIENT_ID = "soak"
CLIENT_SECRET = "a-secret_of~this.server"
SCOPE = "soak"
LIVES_S = 864_000


class Client(ClientMixin):  # type: ignore[misc]
    """The one client."""

    client_id = CLIENT_ID

    def check_client_secret(self, client_secret: str) -> bool:
        """Whether it is the client's."""
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Both ways of RFC 6749, section 2.3.1."""
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        """Whether it may ask for this."""
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope: str) -> str:
        """What it may have of what it asks for."""
        return " ".join(word for word in (scope or "").split() if word == SCOPE)


class Grant(ClientCredentialsGrant):  # type: ignore[misc]
    """Client credentials, in the header or in the body."""

    TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def oauth_server() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of its token endpoint, and the tokens that it gave, as they are saved."""
    saved: list[dict[str, Any]] = []
    app = Flask("oauth")
    server = AuthorizationServer(
        app,
        query_client=lambda client_id: Client() if client_id == CLIENT_ID else None,
        save_token=lambda token, request: saved.append(dict(token)),
    )
    server.register_grant(Grant)

    @app.post("/token")
    def token() -> Response:
        response: Response = server.create_token_response()
        return response

    running: WSGIServer = make_server("127.0.0.1", 0, app, handler_class=_Quiet)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/token", saved
    finally:
        running.shutdown()
        running.server_close()
        thread.join()
