"""Mappings: what TOML says about columns, and the errors that name the place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from offline.importing.mapping import FieldMapping, load_preset, parse_mapping, preset_names
from offline.importing.refusals import ImportRefused
from offline.importing.run import ImportJob, run_import
from server.features.event_types import EventType
from server.stores.event_log import EventLog

MINIMAL = '[events]\nuser_id = "u"\nitem_id = "i"\nevent_type = {constant = "view"}\nevent_time = "t"\n'


def events_of(text: str) -> FieldMapping:
    return parse_mapping(text, "events", "my.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[events\n", r"my\.toml: .*line 1"),
        ("[items]\nitem_id = 'i'\n", r"my\.toml: has no \[events\] table"),
        (MINIMAL + "colour = 'c'\n", r"\[events\]: unknown field 'colour'; there are"),
        (MINIMAL.replace('"u"', "{colum = 'u'}"), r"\[events\] user_id: unknown key 'colum'"),
        (MINIMAL.replace('"u"', "{column = 'u', constant = 'x'}"), "user_id: give either column or constant"),
        (MINIMAL.replace('"u"', "7"), "user_id: must be a column's name or a table"),
        (MINIMAL.replace('"u"', "{column = 7}"), "user_id: column must be text"),
        (MINIMAL.replace('"t"', "{column = 't', zone = 'Mars/Base'}"), "event_time: there is no time zone"),
        (MINIMAL.replace('"t"', "{column = 't', unit = 'h'}"), "event_time: unit must be one of"),
        (MINIMAL.replace('user_id = "u"\n', ""), "events need user_id or session_id"),
        (MINIMAL.replace('event_time = "t"\n', ""), "events need event_time"),
        (MINIMAL + "[source]\nformat = 'xml'\n", r"\[source\]: format must be one of"),
        (MINIMAL + "[source]\ndelimiter = ';;'\n", "delimiter must be one character"),
        (MINIMAL + "[[events_reject]]\ncolumn = 'x'\n", r"events_reject\[0\] must have"),
        (MINIMAL + "[items_from_events]\nsize = 'x'\n", r"\[items_from_events\]: unknown field 'size'"),
        (MINIMAL + "[rows]\n", "unknown table 'rows'"),
    ],
)
def test_a_wrong_mapping_is_refused_with_file_and_field(text: str, message: str) -> None:
    with pytest.raises(ImportRefused, match=message):
        events_of(text)


def test_an_unknown_preset_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ImportRefused, match="online-retail, rees46"):
        load_preset("amazon", "events")


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_maps_events(name: str) -> None:
    assert load_preset(name, "events").cells


@pytest.fixture
def import_one(tmp_path: Path) -> Callable[[str, str], dict[str, object]]:
    def run(mapping: str, csv_text: str) -> dict[str, object]:
        (tmp_path / "rows.csv").write_text(csv_text)
        (tmp_path / "mapping.toml").write_text(mapping)
        job = ImportJob(
            "events", [tmp_path / "rows.csv"], tmp_path / "data", mapping_path=tmp_path / "mapping.toml"
        )
        run_import(job, lambda path: lambda done: None)
        return dict(EventLog(tmp_path / "data" / "events").read().to_pylist()[0])

    return run


def test_text_is_cut_mapped_and_put_together_in_that_order(
    import_one: Callable[[str, str], dict[str, object]],
) -> None:
    mapping = (
        '[events]\nuser_id = {column="u", strip_prefix="id-", strip_suffix=".0", prefix="shop-", suffix="!"}\n'
        'item_id = "i"\nevent_time = "t"\nevent_type = {column="k", values={buy="purchase"}}\n'
    )
    row = import_one(mapping, "u,i,k,t\nid-17.0, lamp ,buy,2024-05-01\n")
    assert (row["user_id"], row["item_id"], row["event_type"]) == ("shop-17!", "lamp", EventType.PURCHASE)


@pytest.mark.parametrize(
    ("cell", "text", "time_us"),
    [
        ('"t"', "2024-05-01 12:00:00", 1_714_564_800_000_000),
        ('"t"', "2024-05-01T12:00:00.25Z", 1_714_564_800_250_000),
        ('"t"', "2024-05-01 12:00:00 UTC", 1_714_564_800_000_000),
        ('"t"', "2024-05-01T12:00:00+02:00", 1_714_557_600_000_000),
        ('"t"', "2024-05-01T12:00-0530", 1_714_584_600_000_000),
        ('"t"', "2024-05-01", 1_714_521_600_000_000),
        ('{column="t", zone="Europe/Berlin"}', "2024-05-01 12:00:00", 1_714_557_600_000_000),
        ('{column="t", zone="Europe/Berlin"}', "2024-05-01 12:00:00Z", 1_714_564_800_000_000),
        ('{column="t", zone="Europe/Berlin"}', "2024-10-27 02:30:00", 1_729_989_000_000_000),
        (
            '{column="t", format="%d.%m.%Y %H:%M", zone="Europe/Berlin"}',
            "1.5.2024 12:00",
            1_714_557_600_000_000,
        ),
        ('{column="t", format="%d/%b/%Y:%H:%M:%S %z"}', "01/May/2024:12:00:00 +0200", 1_714_557_600_000_000),
        ('{column="t", unit="s"}', "1714564800", 1_714_564_800_000_000),
        ('{column="t", unit="ms"}', "1714564800250", 1_714_564_800_250_000),
        ('"t"', "1969-12-31 23:59:59", -1_000_000),
    ],
)
def test_times_become_utc(
    import_one: Callable[[str, str], dict[str, object]], cell: str, text: str, time_us: int
) -> None:
    mapping = MINIMAL.replace('event_time = "t"', f"event_time = {cell}")
    assert import_one(mapping, f"u,i,t\nann,lamp,{text}\n")["event_time_us"] == time_us


def test_a_column_that_the_file_lacks_is_named(
    import_one: Callable[[str, str], dict[str, object]],
) -> None:
    with pytest.raises(ImportRefused, match=r"rows\.csv: line 1: no column t; there are u, i, when"):
        import_one(MINIMAL, "u,i,when\nann,lamp,2024-05-01\n")


def test_another_delimiter_and_encoding_are_read(
    import_one: Callable[[str, str], dict[str, object]],
) -> None:
    mapping = MINIMAL + '[source]\ndelimiter = ";"\n'
    assert import_one(mapping, "u;i;t\nann;la,mp;2024-05-01\n")["item_id"] == "la,mp"
