"""JSON records of logs: one object in, its event out. Google Cloud Logging's are among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from analysis.server_log import markers
from analysis.server_log.event import Event
from analysis.server_log.mapping import REFUSED_FROM, SWITCHING
from analysis.server_log.moments import epoch_s

# Where records keep what we need, first hit wins: Google Cloud Logging, then what structured loggers write by
# default, then what Docker's files and journald's export have around a line.
_TIMES: Final = ("timestamp", "@timestamp", "time", "ts", "asctime", "receiveTimestamp", "__REALTIME_TIMESTAMP")
_TEXTS: Final = ("message", "msg", "textPayload", "event", "log", "MESSAGE")
_TRACES: Final = ("trace", "logging.googleapis.com/trace", "trace_id", "traceId")
_INSTANCES: Final = ("instance", "instance_id", "instanceId", "hostname", "pod_name")
# Names of instances come into the report, and a log may say anything.
MOST_INSTANCE: Final = 64


class NotARecord(ValueError):
    """A line is no JSON record with a message and a time."""


def event_of(line: bytes) -> Event | None:
    """What a record says; None if nothing of a connection.

    Raises:
        NotARecord: It is none.
    """
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise NotARecord(str(error)) from None
    if not isinstance(record, dict):
        raise NotARecord("no object")
    at_s = _time(record)
    if at_s is None:
        raise NotARecord("no time")
    request = record.get("httpRequest")
    if isinstance(request, dict):
        return _of_request(record, request, at_s)
    text = _text(record)
    if text is None:
        raise NotARecord("no message")
    if not markers.speaks(text):
        return None
    return markers.event_of(text, at_s, instance=_instance(record), trace=_trace(record))


def _time(record: Mapping[str, Any]) -> float | None:
    for name in _TIMES:
        value = record.get(name)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return epoch_s(value)
    return None


def _text(record: Mapping[str, Any]) -> str | None:
    for place in (record, record.get("jsonPayload")):
        if isinstance(place, dict):
            for name in _TEXTS:
                if isinstance(place.get(name), str):
                    return str(place[name])
    return None


def _trace(record: Mapping[str, Any]) -> str | None:
    for name in _TRACES:
        value = record.get(name)
        if isinstance(value, str) and value:
            return value.rpartition("/")[2]  # projects/<p>/traces/<id>
    return None


def _instance(record: Mapping[str, Any]) -> str | None:
    resource = record.get("resource")
    for place in (record, record.get("labels"), resource.get("labels") if isinstance(resource, dict) else None):
        if isinstance(place, dict):
            for name in _INSTANCES:
                if isinstance(place.get(name), str):
                    return str(place[name])[:MOST_INSTANCE]
    return None


def _of_request(record: Mapping[str, Any], request: Mapping[str, Any], at_s: float) -> Event | None:
    """A platform's request log: `latency` of a WebSocket is how long it lived, and the time is that of its end."""
    status = request.get("status")
    if not isinstance(status, int) or (status != SWITCHING and status < REFUSED_FROM):
        return None
    lasted_s = _seconds(request.get("latency"))
    return Event(
        at_s,
        "closed" if status == SWITCHING else "refused",
        trace=_trace(record),
        instance=_instance(record),
        lasted_s=lasted_s if status == SWITCHING else None,
        status=status,
    )


def _seconds(latency: object) -> float | None:
    """Google's "179.063s"."""
    try:
        return float(latency.removesuffix("s")) if isinstance(latency, str) else None
    except ValueError:
        return None
