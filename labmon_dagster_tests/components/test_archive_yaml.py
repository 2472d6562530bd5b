"""What the YAML of an archive may say; errors name the place and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import labmon_dagster
from labmon_dagster.components import WinccArchive
from labmon_dagster.model import SourceError

_DEFS = Path(labmon_dagster.__file__).parent / "defs" / "cms_mtd" / "defs.yaml"
GIVEN: dict[str, Any] = {**yaml.safe_load(_DEFS.read_text())["attributes"], "archive": "sqlite:///a.db"}
TABLE: dict[str, Any] = GIVEN["tables"][0]


def component(**changes: Any) -> WinccArchive:
    return WinccArchive.model_validate({**GIVEN, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"archive": "oracle://u:hush@h/s"}, "a password does not belong in the URL"),
        ({"schema_name": "S; DROP TABLE X"}, "pattern"),
        ({"tables": []}, "at least 1 item"),
        ({"tables": [TABLE, TABLE]}, "tables named more than once: MTRSCHANNEL"),
        ({"tables": [{**TABLE, "value": "A B"}]}, "'A B' is no name in SQL"),
        ({"tables": [{**TABLE, "order_by": "1"}]}, "'1' is no name in SQL"),
        ({"tables": [{**TABLE, "datapoints": []}]}, "the list is empty; name at least one"),
        ({"tables": [{**TABLE, "tags": []}]}, "the list is empty; name at least one"),
        ({"tables": [{**TABLE, "tags": [{"match": "(("}]}]}, "'((' is no regular expression"),
        ({"tables": [{**TABLE, "tags": [{"match": "x"}]}]}, "no tag is given"),
        ({"tables": [{**TABLE, "tags": [{"match": "(?P<a>x)", "set": {"a": "1"}}]}]}, "a: both a group"),
        ({"tables": [{**TABLE, "valeu": "X"}]}, "Extra inputs are not permitted"),
        ({"field": {"name": "chip"}}, "both tag and field: chip"),
        ({"quality": {"valeu": {"sentinels": [1]}}}, "quality valeu: no such field; allowed: value"),
        (
            {"quality": {"value": [{"where": {"crate": "1"}, "sentinels": [1]}]}},
            "no tag crate; allowed: channel, chip, module, source",
        ),
        ({"lookback": "an hour"}, "is no length of time"),
        ({"password_variable": "hush hush"}, "this is no name of an environment variable"),
        ({"lookback": "4h"}, "4h is too long: at most 3h"),
        ({"measurement": "labmon_x"}, "labmon's own"),
        ({"field": {"name": "time"}}, "time: such names are labmon's own"),
        (
            {"tables": [{**TABLE, "tags": [{"match": "(?P<READING>.*)"}]}]},
            "READING: such names are the archive's own",
        ),
        ({"start": "yesterday"}, "is no day"),
    ],
)
def test_what_cannot_be_meant_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        component(**changes)
    assert said in str(refused.value)
    assert "hush" not in str(refused.value)


def test_the_password_is_asked_for_only_when_the_archive_is_opened(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CMS_MTD_ORACLE_PASSWORD", raising=False)
    feed = component(archive="oracle://u@127.0.0.1:9/s").feed()
    with pytest.raises(SourceError, match="set the variable that `password_variable` in the YAML names"):
        feed.source.news({})
    secret = tmp_path / "secret"
    secret.write_text("hush\n")
    monkeypatch.setenv("CMS_MTD_ORACLE_PASSWORD_FILE", str(secret))
    archive = feed.source.archive  # type: ignore[attr-defined]
    assert archive.password() == "hush"
    assert "hush" not in repr(feed)


def test_the_version_changes_with_what_changes_rows() -> None:
    version = component().feed().version
    for same in ({"archive": "sqlite:///b.db"}, {"patience": 10.0}, {"lookback": "2h"}):
        assert component(**same).feed().version == version
    for other in ({"tables": [TABLE]}, {"quality": {}}):
        assert component(**other).feed().version != version
