"""The two files that ``make catalog`` writes, as text."""

from __future__ import annotations

import json
from typing import Any

from catalog.build import Row, Sources, differences

SOURCES = ("genai", "litellm", "models-dev", "pi")


def data_text(catalog: dict[str, dict[str, Row]], pins: dict[str, Any], overlay: dict[str, Any]) -> str:
    """One line of JSON for what holds for all models, and one for each: its provider and name, a tab, its facts."""
    sources = {name: {"name": pins[name]["name"], "date": pins[name]["date"]} for name in SOURCES}
    rules = [rule for rule in overlay.get("rule", ()) if "window" in rule]
    if rules:
        sources["overlay"] = {"name": rules[-1]["source"], "date": rules[-1]["date"]}
    families = {each["provider"]: each["like"] for each in overlay.get("family", ())}
    aliases = {each["provider"]: each["names"] for each in overlay.get("alias", ())}
    head = {"as_of": pins["as_of"], "sources": sources, "families": families, "aliases": aliases}
    rows = [f"{provider}/{name}\t{_json(row)}" for provider, rows in catalog.items() for name, row in rows.items()]
    return "\n".join((_json(head), *rows, ""))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def page_text(catalog: dict[str, dict[str, Row]], sources: Sources, pins: dict[str, Any]) -> str:
    """What a human should look at: figures that differ, and models without one."""
    names = "; ".join(f"`{name}`: {pins[name]['name']} ({pins[name]['date']})" for name in SOURCES)
    parts = [
        "# Where the catalog's sources differ\n",
        f"Written by `make catalog` on the data of {pins['as_of']}. The sources: {names}.\n",
    ]
    found: dict[str, list[str]] = {}
    for figure, provider, name, values in differences(catalog, sources):
        cells = " | ".join(_cell(values.get(source)) for source in SOURCES)
        found.setdefault(figure, []).append(f"| {provider} | `{name}` | {cells} |")
    for figure, lines in found.items():
        heads = " | ".join(SOURCES)
        parts.append(f"## {figure[0].upper()}{figure[1:]}\n")
        parts.append(f"| vendor | model | {heads} |\n| --- | --- |{' --- |' * len(SOURCES)}")
        parts.append("\n".join(lines) + "\n")
    for figure, key in (("price", "price"), ("window", "window")):
        missing = [f"`{p}/{n}`" for p, rows in catalog.items() for n, row in rows.items() if key not in row]
        parts.append(f"## Without a {figure}\n\n{', '.join(missing) or 'none'}\n")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case _:
            return f"{value:g}"
