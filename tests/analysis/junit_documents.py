"""JUnit documents as their readers take them: by the schema of Jenkins' xUnit plugin.

`junit-10.xsd` is as the source package of pytest 9.2.0 has it (PyPI, `testing/example_scripts/`), which holds its own
reports against it; the schema's licence (MIT) is at its head.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from xmlschema import XMLSchema

SCHEMA: Final = Path(__file__).with_name("junit-10.xsd")


def read_junit(text: str) -> ElementTree.Element:
    """The root of a JUnit document that keeps to the schema.

    Raises:
        XMLSchemaValidationError: It does not.
    """
    # Whoever has a text and no bytes has decoded it already.
    root = ElementTree.fromstring(text.removeprefix('<?xml version="1.0" encoding="UTF-8"?>\n'))
    _schema().validate(root)
    return root


@cache
def _schema() -> XMLSchema:
    return XMLSchema(SCHEMA)
