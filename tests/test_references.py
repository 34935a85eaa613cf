"""What comments and docstrings point at is there: files, modules, and names in them."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("analysis", "attempts", "lab", "scenarios", "standin", "windows")
SOURCES: Final = {
    path: path.read_text(encoding="utf-8") for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))
}
# `rates.py`, `claims/held.py`, `runs/engine.py`
FILE: Final = re.compile(r"`([\w/]+\.py)`")
# `scenarios.session.peer_check`, `analysis.model.Criteria.margin`, `simulate.scene_of`
DOTTED: Final = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(\))?`")
SUFFIXES: Final = frozenset(["py", "md", "json", "html", "xml", "parquet", "log", "jsonl", "conf", "js", "css", "txt"])


def by_stem() -> dict[tuple[str, str], list[Path]]:
    """Modules and packages by their package and last name."""
    found: dict[tuple[str, str], list[Path]] = defaultdict(list)
    for path in SOURCES:
        name = path.parent.name if path.name == "__init__.py" else path.stem
        found[path.relative_to(ROOT).parts[0], name].append(path)
    return found


STEMS: Final = by_stem()


def broken(path: Path, text: str) -> list[str]:
    """The references of one file that lead nowhere."""
    package = path.relative_to(ROOT).parts[0]
    lost = [
        name
        for name in FILE.findall(text)
        if not any(other.as_posix().endswith("/" + name) for other in SOURCES) and not (ROOT / name).exists()
    ]
    for name in DOTTED.findall(text):
        parts = name.split(".")
        if parts[-1] in SUFFIXES:
            continue
        if parts[0] in PACKAGES and len(parts) > 1 and not (ROOT / parts[0] / parts[1]).is_file():
            lost += [] if _is_there(parts) else [name]
        elif len(parts) == 2 and len(modules := STEMS.get((package, parts[0]), [])):
            known = any(re.search(rf"\b{parts[1]}\b", SOURCES[module]) for module in modules)
            lost += [] if known or _is_attribute(parts, package) else [name]
    return lost


def _is_there(parts: list[str]) -> bool:
    """Whether a full name is a module, a package, or something in one."""
    for end in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:end])
        module = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        if module.is_file():
            rest = parts[end:]
            text = SOURCES.get(module, "")
            return all(re.search(rf"\b{word}\b", text) for word in rest)
    return False


def _is_attribute(parts: list[str], package: str) -> bool:
    """A module and a value may share a name: `session.rows` of an object is no reference to a module."""
    return any(
        re.search(rf"\b{parts[0]}\.{parts[1]}\b", re.sub(r"`[^`]*`", "", text))
        for path, text in SOURCES.items()
        if path.relative_to(ROOT).parts[0] == package
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_what_a_comment_points_at_is_there(package: str) -> None:
    lost = {
        path.relative_to(ROOT).as_posix(): found
        for path, text in SOURCES.items()
        if path.relative_to(ROOT).parts[0] == package and (found := broken(path, text))
    }
    assert not lost


def test_a_reference_that_leads_nowhere_is_found() -> None:
    path = ROOT / "analysis" / "model.py"
    assert broken(path, "see `nowhere.py` and `analysis.model.Nothing`, or `rates.nothing_of_it`") == [
        "nowhere.py",
        "analysis.model.Nothing",
        "rates.nothing_of_it",
    ]
    assert broken(path, "see `rates.py`, `analysis.model.Criteria`, `rates.Rate` and `run.json`") == []


PAGES: Final = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_file_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:analysis|attempts|bench|lab|scenarios|standin|tests|windows)/[\w./-]+)`", text)
    assert not [name for name in named if not (ROOT / name.rstrip("/")).exists()]


GLOSSARY: Final = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
TERMS: Final = re.findall(r"^\| ([a-z][\w -]*) \| (.+?) \| (?:`([\w.]+)`)? *\|$", GLOSSARY, re.MULTILINE)


def test_the_glossary_has_a_word_once_in_thirty_words_and_more() -> None:
    words = [word for word, _, _ in TERMS]
    assert len(words) == len(set(words)) >= 30
    assert len(words) == GLOSSARY.count("\n| ") - 1


@pytest.mark.parametrize("name", [name for _, _, name in TERMS if name])
def test_a_word_of_the_glossary_is_one_class(name: str) -> None:
    module, _, class_name = name.rpartition(".")
    defined = [
        path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
        for path, text in SOURCES.items()
        if re.search(rf"^class {class_name}\b", text, re.MULTILINE) and path.relative_to(ROOT).parts[0] != "standin"
    ]
    assert defined == [module]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_glossary_is_linked(page: str) -> None:
    assert "docs/glossary.md" in (ROOT / page).read_text(encoding="utf-8")
