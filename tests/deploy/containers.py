"""Reads what is deployed: the Dockerfile's stages, compose.yaml and the Kubernetes manifests, as far as tests ask."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import yaml

from scenarios.control.target import ALLOWED_HOSTS_VARIABLE
from scenarios.credentials.jwt import KEY_VARIABLE
from scenarios.options import OPTIONS

ROOT: Final = Path(__file__).parents[2]
MASTER_PORT: Final = 5557  # Locust's default
UI_PORT: Final = 8089
FLEET_KEY_VARIABLE: Final = "SOAK_FLEET_KEY"


@dataclass
class Stage:
    """One stage of the Dockerfile: what it is built from, and its instructions in order."""

    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def last(self, word: str) -> str | None:
        """The arguments of the last such instruction; None if it has none."""
        return next((rest for kind, rest in reversed(self.instructions) if kind == word), None)


def stages(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile by their names."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found: dict[str, Stage] = {}
    current: Stage | None = None
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found[name] = Stage(base)
        elif current is not None:
            current.instructions.append((word, rest.strip()))
    return found


DOCKERFILE: Final = stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def inherited(name: str, word: str) -> str | None:
    """The arguments of the last such instruction of a stage, or of those that it is built from."""
    stage = DOCKERFILE.get(name)
    if stage is None:
        return None
    return stage.last(word) or inherited(stage.base, word)


def words_of(exec_form: str) -> list[str]:
    """The words of an instruction in exec form, ["a", "b"]."""
    words: list[str] = json.loads(exec_form)
    return words


def copied_from_context(name: str) -> list[tuple[str, str]]:
    """The sources that a stage copies from the build's context, each with where it goes."""
    pairs = []
    for word, rest in DOCKERFILE[name].instructions:
        if word != "COPY" or "--from=" in rest:
            continue
        *sources, target = [part for part in rest.split() if not part.startswith("--")]
        pairs += [(source, target) for source in sources]
    return pairs


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path of the top folder into the build's context: the last line that fits decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip()
        if rule and not rule.startswith("#") and fnmatch(path, rule.removeprefix("!").removeprefix("**/")):
            sent = rule.startswith("!")
    return sent


def build_tree(name: str, folder: Path) -> None:
    """Make the folder that a stage's COPY lines would make of the build's context."""
    for source, target in copied_from_context(name):
        if not is_sent(source):
            continue
        there = folder / target / source if target.endswith("/") else folder / target
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, there)


def compose() -> dict[str, Any]:
    """compose.yaml, its merge keys resolved."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def interpolated(value: object, environment: Mapping[str, str]) -> str:
    """A value of compose.yaml as Compose puts it in: ${NAME:-default}."""

    def put_in(found: re.Match[str]) -> str:
        return environment.get(found["name"]) or found["default"] or ""

    return re.sub(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}", put_in, str(value))


def manifests() -> dict[str, dict[str, Any]]:
    """Every Kubernetes resource by file and name."""
    folder = ROOT / "deploy" / "kubernetes"
    return {
        f"{path.relative_to(folder)} {document['metadata']['name']}": document
        for path in sorted(folder.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    }


def pods() -> dict[str, dict[str, Any]]:
    """The pod template of every workload by the resource's key."""
    return {
        key: document["spec"]["template"]
        for key, document in manifests().items()
        if document["kind"] in ("Job", "Deployment")
    }


def container(pod: Mapping[str, Any]) -> dict[str, Any]:
    """The one container of a pod."""
    (one,) = pod["spec"]["containers"]
    return dict(one)


def known_variables() -> set[str]:
    """The names of variables that wsoak or Locust reads."""
    # Read and not imported: importing Locust would patch this process.
    package = importlib.util.find_spec("locust")
    assert package is not None and package.origin is not None
    parser = Path(package.origin).with_name("argument_parser.py").read_text(encoding="utf-8")
    ours = {f"SOAK_{option.name.upper()}" for option in OPTIONS}
    ours |= {ALLOWED_HOSTS_VARIABLE, KEY_VARIABLE, FLEET_KEY_VARIABLE}
    return ours | set(re.findall(r'env_var="(\w+)"', parser))


def seconds(text: str) -> float:
    """A duration of Compose in seconds: 3m, 65m, 30s."""
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def tool(name: str) -> str:
    """A program that a package on PyPI has put beside this interpreter."""
    return str(Path(sys.executable).with_name(name))
