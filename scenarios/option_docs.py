"""`python -m scenarios.option_docs` prints docs/options.md from the table of options."""

from __future__ import annotations

from scenarios.options import OPTIONS


def options_page() -> str:
    """The page, in Markdown."""
    lines = [
        "# Options",
        "",
        "Made by `python -m scenarios.option_docs`. Each is also a line of `locust.conf` (without the dashes) and a",
        "variable (`SOAK_` and its name in capitals: `SOAK_DELAY_MS`). Locust's own options work as ever: `--host`,",
        "`--users`, `--spawn-rate`, `--run-time`, `--stop-timeout`, `--master`, `--worker`, `--processes` ...",
        "",
        "| option | default | in the web form | meaning |",
        "|---|---|---|---|",
    ]
    for option in OPTIONS:
        default = {True: "true", False: "false"}.get(option.default) if isinstance(option.default, bool) else None
        shown = default or str(option.default)
        lines.append(
            f"| `{option.flag}` | {f'`{shown}`' if shown else '-'} | {'yes' if option.ui else 'no'} | {option.help} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(options_page(), end="")
