from __future__ import annotations

from pathlib import Path

import pytest

from labmon_dagster_tests.cli.lab import ASSET, labmon

GOOD = """type: labmon_dagster.components.LoggerNetTable

attributes:
  asset: x/{name}
  directory: nowhere
  files: ["*.dat"]
  measurement: M
  zone: UTC-05:00
  start: "2021-06-01"
"""


@pytest.fixture
def defs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty lab."""
    folder = tmp_path / "defs"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(defs: Path, name: str, text: str | None = None, more: str = "") -> None:
    (defs / name).mkdir()
    (defs / name / "defs.yaml").write_text(GOOD.format(name=name) + more if text is None else text)


def errors(defs: Path) -> list[str]:
    result = labmon("check", "--defs", defs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    lines = [one for one in result.stderr.splitlines() if ": warning: " not in one]
    assert lines[-1] == f"{len(lines) - 1} error{'s' * (len(lines) > 2)}"
    return lines[:-1]


def test_the_lab_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMERIFLUX_UMBS_DIR", str(tmp_path))
    archive = tmp_path / "archive.db"
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", f"sqlite:///{archive}")
    result = labmon("check")
    yaml = "labmon_dagster/defs/cms_mtd/defs.yaml:8"
    warning = f"{yaml}: warning: attributes.archive: there is no file {archive} yet\n"
    assert (result.exit_code, result.stderr) == (0, warning)
    shown = [" ".join(one.split()) for one in result.stdout.splitlines()]
    assert shown[1:3] == [
        f"{ASSET} Ameriflux_fastdata {tmp_path}/46m_*.dat",
        f"cms_mtd/dcs_readings cms_mtdtf_dcs archive {archive}: MTRSCHANNEL, TKPLCREADSENSOR",
    ]
    assert "ricochet/compressor_readings compressor tcp://127.0.0.1:5020" in shown
    derived = "imacrt runs and streams, temperature_3 of ricochet/imacrt_readings"
    assert {f"ricochet/runs {derived}", f"ricochet/stream_temperature {derived}"} <= set(shown)
    assert len(shown) == 21 and shown[1:] == sorted(shown[1:])


def test_what_is_made_of_readings_names_what_is_wrong(defs: Path) -> None:
    text = """type: labmon_dagster.components.RunPages

attributes:
  asset: x/one
  start: "2026-01-01"
  readings: x/none
  measurement: M
  field: T
"""
    write(defs, "one")
    write(defs, "pages", text)
    assert sorted(errors(defs)) == [
        "pages/defs.yaml:4: attributes.asset: x/one is described already in one/defs.yaml:4",
        "pages/defs.yaml:6: attributes.readings: x/one: no asset of readings 'x/none'; there are: x/one",
    ]


def test_a_store_that_is_not_set_here_is_warned_of(defs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(defs, "one", more="  store: local\n")
    result = labmon("check", "--defs", defs)
    assert result.exit_code == 0
    warning = "one/defs.yaml:10: warning: attributes.store: store 'local': LABMON_LOCAL_URL is not set"
    assert any(line.endswith(warning) for line in result.stderr.splitlines())
    monkeypatch.setenv("LABMON_LOCAL_URL", "sqlite:///local.db")
    assert "LABMON_LOCAL_URL" not in labmon("check", "--defs", defs).stderr


def test_of_an_archive_neither_user_nor_password_is_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AMERIFLUX_UMBS_DIR", str(tmp_path))
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", "oracle://reader@cms.example:10121/cms.example")
    result = labmon("check")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Oracle at cms.example:10121/cms.example: MTRSCHANNEL" in result.stdout
    assert "reader" not in result.stdout
    monkeypatch.setenv("CMS_MTD_ARCHIVE_URL", "oracle://reader:hush@cms.example:10121/cms.example")
    result = labmon("check")
    assert (result.exit_code, result.stdout) == (1, "")
    assert ":8: attributes.archive: a password does not belong in the URL" in result.stderr
    assert "hush" not in result.stderr


def test_a_folder_that_is_not_there_yet_is_a_warning(defs: Path, home: Path) -> None:
    write(defs, "a")
    result = labmon("check", "--defs", defs)
    assert result.exit_code == 0
    assert result.stderr == (
        f"a/defs.yaml:5: warning: attributes.directory: there is no folder {home}/nowhere yet\n"
    )
    assert labmon("check", "--defs", defs / "none").exit_code == 2


def test_all_errors_of_all_files_with_their_lines(defs: Path) -> None:
    write(defs, "a", GOOD.format(name="a").replace("  files", "  fils").replace("UTC-05:00", "Mars/Olympus"))
    write(defs, "b", GOOD.format(name="b").replace("LoggerNetTable", "LoggerNetTabel"))
    write(defs, "c", more="  drop: [unclosed\n  more: {\n")
    write(
        defs,
        "d",
        more="  fields:\n    PPFD: {typ: integer}\n    Temp: {type: int}\n"
        "  quality:\n    PPFD:\n      range: {fial: [1, 2]}\n"
        "    Temp:\n      spike: {suspect: 3, within: 5 miles}\n",
    )
    write(defs, "e", more="  fields:\n    PPFD: {}\n  quality:\n    PPDF: {sentinels: [1]}\n")
    write(defs, "f", "attribute: {}\ntype: labmon_dagster.components.LoggerNetTable\n")
    found = errors(defs)
    expected = [
        "a/defs.yaml:3: attributes: files is missing (patterns; LoggerNet's backups are found beside them)",
        "a/defs.yaml:6: attributes.fils: unknown key; did you mean files or fields? allowed: ",
        "a/defs.yaml:8: attributes.zone: unknown zone 'Mars/Olympus'; allowed: a fixed offset ",
        "b/defs.yaml:1: type: no component 'labmon_dagster.components.LoggerNetTabel'; did you mean "
        "labmon_dagster.components.LoggerNetTable? allowed: ",
        "c/defs.yaml:11: no YAML: ",
        "d/defs.yaml:11: attributes.fields.PPFD.typ: unknown key; did you mean type? allowed: column, desc",
        "d/defs.yaml:12: attributes.fields.Temp.type: 'int' is not known here; allowed: 'float', 'integer'",
        "d/defs.yaml:15: attributes.quality.PPFD.range.fial: unknown key; did you mean fail? ",
        "d/defs.yaml:17: attributes.quality.Temp.spike.within: '5 miles' is no length of time; ",
        "e/defs.yaml:13: attributes.quality.PPDF: quality PPDF: no such field; allowed: PPFD",
        "f/defs.yaml:1: attribute: unknown key; did you mean attributes? allowed: attributes, ",
    ]
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


def test_every_document_of_a_file_and_templates(defs: Path) -> None:
    second = GOOD.format(name="b").replace("x/b", "\"{{ env('NOT_SET') }}\"").replace('["*.dat"]', "[]")
    write(defs, "a", GOOD.format(name="a") + "---\n" + second + "  zone: UTC\n")
    found = errors(defs)
    assert found[0].startswith("a/defs.yaml:14: attributes.asset: Environment variable NOT_SET is not set")
    assert found[1].startswith("a/defs.yaml:16: attributes.files: list should have at least 1 item")
    assert found[2] == "a/defs.yaml:20: attributes.zone: stands twice, first in line 18"


def test_an_asset_described_twice(defs: Path) -> None:
    write(defs, "a")
    write(defs, "b", GOOD.format(name="a"))
    assert errors(defs) == ["b/defs.yaml:4: attributes.asset: x/a is described already in a/defs.yaml:4"]


def test_files_dagster_does_not_see(defs: Path) -> None:
    write(defs, "a")
    write(defs / "a", "inner", "nonsense: {}\n")
    write(defs, ".hidden", "nonsense: {}\n")
    result = labmon("check", "--defs", defs)
    assert result.exit_code == 0
    assert "a/inner/defs.yaml:1: warning: is not loaded: Dagster does not look below" in result.stderr


def test_documents_that_are_none(defs: Path) -> None:
    write(defs, "a", "")
    write(defs, "b", "- a list\n")
    (defs / "c").mkdir()
    (defs / "c" / "defs.yaml").write_bytes(b"type: \xff\n")
    found = errors(defs)
    assert [one.split(": ")[0] for one in found] == ["a/defs.yaml:1", "b/defs.yaml:1", "c/defs.yaml:1"]


def test_help_and_version() -> None:
    assert labmon("--version").stdout.startswith("labmon 0.")
    assert "check" in labmon("--help").stdout
    for command in (
        "check",
        "preview",
        "query",
        "status",
        "quarantine list",
        "quarantine show",
        "quarantine retry",
    ):
        assert "Examples:\n" in labmon(*command.split(), "--help").stdout
