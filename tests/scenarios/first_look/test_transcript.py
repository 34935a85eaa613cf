"""Frames on a terminal's lines: cut, escaped, redacted, and what a protocol makes of them."""

from __future__ import annotations

from scenarios.first_look.transcript import Frame, line_of, plain
from scenarios.protocols.echo import Echo
from scenarios.protocols.jsonrpc import JsonRpc
from scenarios.protocols.reading import messages_in
from scenarios.protocols.shape import Kind
from scenarios.protocols.staging import Staging
from scenarios.redact import Secret

TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9
TOKEN = "a-token-that-is-quite-long-and-has-no-shape"


def received(payload: bytes, *, opcode: int = TEXT, width: int = 100) -> str:
    is_read = opcode in (TEXT, BINARY)
    messages = messages_in(Echo(), payload, is_binary=opcode == BINARY) if is_read else ()
    return line_of(Frame(1.5, False, opcode, payload, messages), width=width, secret=Secret(TOKEN))


def test_a_line_says_when_which_way_what_and_what_it_is() -> None:
    line = received(b'{"id":"7"}')
    assert line.startswith('   1.500 <- {"id":"7"}') and line.endswith("  reply to 7")
    assert len(line) == 100
    assert line_of(Frame(0.0, True, TEXT, b"x"), width=40) == "   0.000 -> x"


def test_a_long_frame_is_cut_to_the_screen() -> None:
    line = received(b'{"id":"7","text":"' + b"lorem ipsum " * 100 + b'"}', width=60)
    assert len(line) == 60 and "...  reply to 7" in line


def test_what_would_move_the_cursor_is_escaped() -> None:
    line = received("\x1b[2Jred\r\n\u202e".encode())
    assert line.isprintable()
    assert "\\x1b[2Jred\\r\\n\\u202e" in line


def test_bytes_that_are_no_text_are_escaped() -> None:
    assert "\\xff" in received(b"\xff\xfe")


def test_the_token_is_hidden_wherever_it_is_repeated() -> None:
    assert TOKEN not in received(b'{"said":"' + TOKEN.encode() + b'"}')
    assert TOKEN not in received(b"\x03\xf0bad token " + TOKEN.encode(), opcode=CLOSE)


def test_control_frames_and_binary_ones_are_named() -> None:
    assert "close frame, 1008 too slow" in received(b"\x03\xf0too slow", opcode=CLOSE)
    assert received(b"", opcode=CLOSE).endswith("close frame")
    assert received(b"x", opcode=PING).endswith("ping frame")
    assert "2 bytes: 00 01" in received(b"\x00\x01", opcode=BINARY)
    assert "100 bytes: 00 00" in received(b"\x00" * 100, opcode=BINARY)


def test_what_a_protocol_does_not_read_is_said() -> None:
    assert messages_in(Staging(), b"x", is_binary=True) == ()
    assert "reads no binary" in line_of(Frame(0.0, False, BINARY, b"x"), width=100)


def test_several_messages_of_a_frame_are_all_named() -> None:
    messages = messages_in(JsonRpc(), b'[{"id":1,"result":2},{"method":"news"}]', is_binary=False)
    assert [message.kind for message in messages] == [Kind.REPLY, Kind.PUSH]
    assert line_of(Frame(0.0, False, TEXT, b"[...]", messages), width=100).endswith("reply to 1, push")


def test_an_error_says_what_it_is_about() -> None:
    refused = b'{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Unauthorized"}}'
    messages = messages_in(JsonRpc(), refused, is_binary=False)
    assert line_of(Frame(0.0, False, TEXT, refused, messages), width=120).endswith("error about credentials")


def test_plain_text_stays_as_it_is() -> None:
    assert plain("Grüße, 世界") == "Grüße, 世界"
