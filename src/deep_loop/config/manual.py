"""The reference of all settings, made from their own descriptions."""

from __future__ import annotations

from deep_loop.config.fields import Table
from deep_loop.config.settings import FILE, Settings
from deep_loop.config.shape import keys, kind, named, tables, walk


def reference() -> str:
    """The reference of all settings, in Markdown; `docs/reference/settings.md` holds it."""
    lines = [
        "# Settings",
        "",
        f"`{FILE}` in the workspace's root. An unknown key is an error. This page is made from `deep_loop.config`:",
        "",
        "```sh",
        "python -c 'from deep_loop import config; print(config.reference(), end=\"\")' > docs/reference/settings.md",
        "```",
    ]
    for path, model in walk(Settings, ()):
        lines += ["", *_section(model, path)]
    return "\n".join(lines) + "\n"


def _section(model: type[Table], path: tuple[str, ...]) -> list[str]:
    """The lines of one table's section."""
    title = f"`[{'.'.join(path)}]`" if path else "The top level"
    lines = [f"## {title}", "", (model.__doc__ or "").strip(), ""]
    if all(name in (*tables(model), *named(model)) for name in keys(model)):
        return lines[:-1]
    lines += ["| key | value | default | meaning |", "|---|---|---|---|"]
    for name, field in keys(model).items():
        if name in (*tables(model), *named(model)):
            continue
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        default = str(extra.get("words") or ("**required**" if field.is_required() else _toml(field.default)))
        cells = (f"`{name}`", kind(field.annotation), default, field.description or "")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def _toml(value: object) -> str:
    """A default as it would be written in the file."""
    match value:
        case None:
            return "none"
        case str():
            return f"`'{value}'`" if "\\" in value else f'`"{value}"`'
        case tuple():
            return "`[]`"
        case bool():
            return f"`{str(value).lower()}`"
        case float():
            return f"`{value:g}`"
    return f"`{value}`"
