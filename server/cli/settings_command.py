"""`shortlist settings`: every knob with its value, range and meaning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, get_args

import annotated_types
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from rich.table import Table

from server.cli.options import Config, DataDir, console, load_settings
from server.settings import ScenarioSettings, Settings

_LOGIN = re.compile(r"//[^@/]*@")
"""User and password of a URL, which are not shown."""


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting. name: dotted, as in the TOML file; environment: the variable that sets it."""

    name: str
    environment: str
    default: str
    range: str
    meaning: str
    value: str


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("settings", rich_help_panel="Look after")(show)


def show(
    config: Config = None,
    data_dir: DataDir = None,
    markdown: Annotated[bool, typer.Option(help="Print docs/settings.md.")] = False,
) -> None:
    """Prints every setting: its value here, its default, its range and what it means."""
    if markdown:
        typer.echo(markdown_page(), nl=False)
        return
    table = Table("setting", "value", "range", "meaning", box=None, header_style="bold")
    for knob in knobs(load_settings(config, data_dir)):
        value = knob.value if knob.value == knob.default else f"[bold]{knob.value}[/] (not {knob.default})"
        table.add_row(knob.name, value, knob.range, knob.meaning)
    console().print(table)


def knobs(settings: Settings) -> Iterator[Knob]:
    """Yields every setting in the order of the file; a scenario's once, as ``scenarios.<name>``."""
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield from _section(name, value)
        elif name == "scenarios":
            yield from _section("scenarios.<name>", ScenarioSettings())
        else:
            yield _knob(name, field, value)


def markdown_page() -> str:
    """Returns docs/settings.md, from the defaults."""
    lines = [
        "# Settings",
        "",
        "From one TOML file (`--config FILE` or `SHORTLIST_CONFIG`) and from the environment, which wins:",
        "`SHORTLIST_SERVER__PORT=9000` sets `port` in `[server]`. An unknown key or a value out of range is refused",
        "at the start, by name. `shortlist settings` prints this table with the values of your set-up; `shortlist",
        "settings --markdown` renews this page.",
        "",
    ]
    section = None
    for knob in knobs(Settings.model_construct()):
        head = knob.name.rpartition(".")[0]
        if head != section:
            section = head
            lines += ["", f"## {head or 'Top level'}", "", *_section_doc(head)]
            lines += ["| setting | default | range | meaning |", "|---|---|---|---|"]
        lines.append(f"| `{knob.name}` | `{knob.default}` | {knob.range} | {knob.meaning} |")
    return "\n".join(lines) + "\n"


def _section_doc(head: str) -> list[str]:
    if not head:
        return []
    annotation = ScenarioSettings if head.startswith("scenarios") else Settings.model_fields[head].annotation
    return [str(getattr(annotation, "__doc__", "")), ""]


def _section(prefix: str, values: BaseModel) -> Iterator[Knob]:
    for name, field in type(values).model_fields.items():
        yield _knob(f"{prefix}.{name}", field, getattr(values, name))


def _knob(name: str, field: FieldInfo, value: object) -> Knob:
    return Knob(
        name=name,
        environment="SHORTLIST_" + name.replace(".", "__").upper(),
        default=str(field.default),
        range=_range(field),
        meaning=field.description or "",
        value=_LOGIN.sub("//***@", str(value)),
    )


def _range(field: FieldInfo) -> str:
    """Returns the field's limits as a person writes them."""
    if choices := get_args(field.annotation):
        return ", ".join(str(choice) for choice in choices)
    if field.annotation is bool:
        return "True, False"
    low = high = ""
    for limit in field.metadata:
        match limit:
            case annotated_types.Ge(ge=bound):
                low = f"{bound}"
            case annotated_types.Gt(gt=bound):
                low = f"above {bound}"
            case annotated_types.Le(le=bound):
                high = f"{bound}"
    return f"{low} to {high}" if low or high else ""
