"""The server that every bench runs against: as fast as Python has one, so that the client is what is measured.

`python -m bench.server [--delay-ms D]` prints its port as JSON and serves until its standard input closes:
a welcome after the upgrade, a JSON pong to a ping, an acknowledgement to everything else (after D ms).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

import orjson
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

WELCOME = orjson.dumps(
    {
        "type": "system_message",
        "data": {
            "event": "connection_established",
            "connection_id": "ws_bench_0",
            "connection_ready": True,
            "startup_complete": True,
        },
        "timestamp": 0.0,
    }
)
PONG = orjson.dumps({"type": "pong", "data": {"timestamp": 0.0, "user_id": "bench"}, "timestamp": 0.0})


def reply_to(payload: bytes) -> bytes:
    if b'"ping"' in payload:
        return PONG
    frame: dict[str, Any] = orjson.loads(payload)
    data = {"status": "acknowledged", "original_message_id": frame.get("message_id")}
    return orjson.dumps({"type": "system_message", "data": data, "timestamp": 0.0})


class BenchSession(WSListener):
    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, WELCOME)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            reply = reply_to(frame.get_payload_as_bytes())
            if self.delay_s:
                loop = asyncio.get_running_loop()
                loop.call_later(self.delay_s, transport.send, WSMsgType.TEXT, reply)
            else:
                transport.send(WSMsgType.TEXT, reply)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()


async def serve(delay_s: float) -> None:
    def session(_: WSUpgradeRequest) -> BenchSession:
        return BenchSession(delay_s)

    server = await ws_create_server(session, "127.0.0.1", 0, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    uvloop.run(serve(parser.parse_args().delay_ms / 1000.0))
