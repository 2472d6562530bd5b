"""Which datapoints are read, what their tags are, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from labmon_dagster.model import SourceError
from labmon_dagster.sources.wincc_archive.spec import Table, TagRule
from labmon_dagster_tests.sources.wincc_archive.archives import (
    MTRS,
    MTRS_NAME,
    PLC,
    PLC_NAME,
    SPEC,
    after,
    read,
    request,
    small,
)


def test_the_tags_are_those_of_the_old_program(tmp_path: Path) -> None:
    found = small(tmp_path / "a.db").source().datapoints()
    expected = {
        MTRS_NAME.format(chip, channel): {"source": "mtrs", "chip": str(chip), "channel": str(channel)}
        for chip in (0, 1)
        for channel in range(6)
    }
    for module, channels in ((1, 2), (2, 4), (3, 4)):
        for channel in range(1, channels + 1):
            tags = {"source": "plc", "module": str(module), "channel": str(channel)}
            expected[PLC_NAME.format(module, channel)] = tags
    assert {name: {k: v for k, v in tags.items() if v} for name, tags in found.items()} == expected
    assert len(found) == 22


@pytest.mark.parametrize(
    ("text", "tag"), [("00", "0"), ("007", "7"), ("10", "10"), ("0a", "0a"), ("٠١", "٠١")]
)
def test_numbers_lose_leading_zeros(text: str, tag: str) -> None:
    assert TagRule("x(?P<n>.*)").tags_of(f"x{text}") == {"n": tag}


def test_the_first_rule_that_fits_the_whole_name_counts() -> None:
    rules = (TagRule("a", {"r": "1"}), TagRule("a(?P<s>b)?", {"r": "2"}), TagRule("a.*", {"r": "3"}))
    table = Table("T", "V", ("*",), rules)
    assert [table.tags_of(name) for name in ("a", "ab", "abc", "b")] == [
        {"r": "1"},
        {"r": "2", "s": "b"},
        {"r": "3"},
        None,
    ]


def test_a_datapoint_without_tags_is_reported_and_not_stored(tmp_path: Path) -> None:
    wide = replace(SPEC, tables=(replace(MTRS, datapoints=("*MTRS*",)), PLC))
    archive = small(tmp_path / "a.db").name((300, "cms_mtdtf_dcs_1:MTRS/Odd")).mtrs((300, after(0), 1.0))
    readings = archive.source(wide).read(request())
    assert sum(batch.rows.num_rows for batch in readings.batches) == 0
    assert readings.trouble == ["cms_mtdtf_dcs_1:MTRS/Odd: no tag rule fits this datapoint"]


def test_what_nobody_named_is_told_by_a_whole_read(tmp_path: Path) -> None:
    archive = small(tmp_path / "a.db").name((300, "cms_mtdtf_dcs_1:MTRS/MTD_TIF_33/Chip_0/Channel_0"))
    archive.mtrs((300, after(0), 1.0), (300, after(1), 2.0), (777, after(2), 3.0), (101, after(3), 4.0))
    readings = archive.source().read(request())
    rows = pl.concat([pl.DataFrame(batch.rows) for batch in readings.batches])
    assert rows["value"].to_list() == [4.0]
    assert readings.facts["MTRSCHANNEL: datapoints that nobody named"] == [
        "cms_mtdtf_dcs_1:MTRS/MTD_TIF_33/Chip_0/Channel_0 (2 rows)",
        "IDs without a name (1 rows)",
    ]
    assert not readings.trouble


def test_a_pattern_that_fits_nothing_is_told(tmp_path: Path) -> None:
    spec = replace(SPEC, tables=(replace(MTRS, datapoints=(*MTRS.datapoints, "*MTD_TIF_99*")),))
    readings = small(tmp_path / "a.db").source(spec).read(request())
    list(readings.batches)
    assert readings.facts["MTRSCHANNEL: patterns that fit no datapoint"] == ["*MTD_TIF_99*"]


def test_two_datapoints_of_one_series_are_refused(tmp_path: Path) -> None:
    archive = small(tmp_path / "a.db").name((300, "cms_mtdtf_dcs_1:MTRS/MTD_TIF_33/Chip_0/Channel_0"))
    spec = replace(SPEC, tables=(replace(MTRS, datapoints=("*MTRS*",)),))
    with pytest.raises(SourceError, match=r"MTD_TIF_18/Chip_0/Channel_0 and .*TIF_33.* would be one series"):
        read(archive.source(spec))


def test_several_ids_of_a_name_are_one_series_the_larger_later(tmp_path: Path) -> None:
    archive = small(tmp_path / "a.db").name((99, MTRS_NAME.format(0, 0)), (500, MTRS_NAME.format(0, 0)))
    archive.mtrs((500, after(0), 3.0), (101, after(0), 2.0), (99, after(0), 1.0), (102, after(0), 9.0))
    rows = pl.concat([pl.DataFrame(batch.rows) for batch in read(archive.source())]).sort("value")
    assert rows.select("chip", "channel", "value", "_order").rows() == [
        ("0", "0", 1.0, 0),
        ("0", "0", 2.0, 1),
        ("0", "0", 3.0, 2),
        ("0", "1", 9.0, 0),
    ]


def test_two_datapoints_of_different_tables_with_the_same_tags_are_refused(tmp_path: Path) -> None:
    tables = tuple(
        replace(table, rules=(TagRule(r".*[^0-9]0*(?P<channel>\d+)", {}),), datapoints=(f"*{part}",))
        for table, part in ((MTRS, "Chip_0/Channel_[1-2]"), (PLC, "module01/channel_read_0[12]"))
    )
    with pytest.raises(SourceError, match="both have the tags channel=1: they would be one series"):
        read(small(tmp_path / "a.db").source(replace(SPEC, tables=tables)))


def test_an_id_with_two_names_is_refused_and_one_named_twice_is_one(tmp_path: Path) -> None:
    archive = small(tmp_path / "a.db").name((102, MTRS_NAME.format(0, 1))).mtrs((102, after(0), 1.0))
    rows = pl.concat([pl.DataFrame(batch.rows) for batch in read(archive.source())])
    assert rows["value"].to_list() == [1.0]
    archive.name((101, MTRS_NAME.format(0, 1)))
    with pytest.raises(SourceError, match="DPID 101 has two names that are read"):
        read(archive.source())
