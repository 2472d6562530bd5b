from __future__ import annotations

import gzip
import os
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest

from labmon_dagster.model.points import BadLine, Points
from labmon_dagster.replay.files import Form, Ways, form_of, opened, points
from labmon_dagster_tests import tables


@pytest.mark.parametrize(
    ("beginning", "form"),
    [
        ("#datatype measurement,tag,long,dateTime:number\nm,a,f,t\n", Form.CSV),
        ("#group,false\n#datatype,string\n", Form.CSV),
        ("sep=;\nm|measurement;f|double\n", Form.CSV),
        ("\ufeff#datatype measurement,double\n", Form.CSV),
        ("m|measurement,f|double\ncpu,1\n", Form.CSV),
        ("# made by hand\n\n#Datatype measurement,double\n", Form.CSV),
        ('{"time":1,"measurement":"m","fields":{"f":1}}\n', Form.JSONL),
        ("\n# a comment\nm f=1 1\n", Form.LINE),
        ('m f="a\nb\nc', Form.LINE),
        ("bad\nm f=1 1\n", Form.LINE),
        ("", Form.LINE),
        ('"TOA5","46m"\n', Form.TOA5),
    ],
)
def test_the_form_is_seen(beginning: str, form: Form):
    assert form_of(beginning.encode()) is form


def test_an_unknown_form_is_not_guessed():
    with pytest.raises(ValueError, match=r"begins 'time,x'; --format says which: csv, jsonl, line, toa5"):
        form_of(b"time,x\n1,2\n")


@pytest.mark.parametrize("name", ["m.lp", "m.lp.gz"])
def test_gzip_is_seen_by_the_bytes(tmp_path: Path, name: str):
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"m f=1 1\n") if name.endswith("gz") else b"m f=1 1\n")
    with opened(str(path)) as file:
        (one,) = points(file, Ways())
        assert file.position == file.size == path.stat().st_size
    assert isinstance(one, Points)


def test_a_gzip_file_that_was_cut_is_told(tmp_path: Path):
    path = tmp_path / "m.lp.gz"
    path.write_bytes(gzip.compress(b"".join(b"m f=%d %d\n" % (n * n % 997, n) for n in range(200_000)))[:-20])
    with opened(str(path)) as file, pytest.raises(ValueError, match="the gzip file is damaged"):
        list(points(file, Ways()))


def test_a_gzip_file_that_was_damaged_is_told(tmp_path: Path):
    path = tmp_path / "m.lp.gz"
    whole = bytearray(gzip.compress(b"".join(b"m f=%d %d\n" % (n * n % 997, n) for n in range(200_000))))
    whole[200:220] = b"\xff" * 20
    path.write_bytes(whole)
    with opened(str(path)) as file, pytest.raises(ValueError, match=r"^the gzip file is damaged"):
        list(points(file, Ways()))


@pytest.mark.parametrize(
    "text",
    ["m f=1 1\n", '{"time":1,"measurement":"m","fields":{"f":1.0}}\n', "m|measurement,f|double\nm,1\n"],
)
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, text: str):
    (tmp_path / "m").write_bytes(gzip.compress(text.encode("utf-8-sig")))
    with opened(str(tmp_path / "m")) as file:
        (one,) = points(file, Ways())
    assert isinstance(one, Points)
    assert one.measurement.name == "m"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told(tmp_path: Path, encoding: str):
    (tmp_path / "m").write_bytes("\ufeffm f=1 1\n".encode(encoding))
    with opened(str(tmp_path / "m")) as file, pytest.raises(ValueError, match="iconv -f utf-16"):
        list(points(file, Ways()))


def test_a_pipe_with_a_name_is_read(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_text, args=("m f=1 1\n",))
    writer.start()
    with opened(str(tmp_path / "pipe")) as file:
        assert len(list(points(file, Ways()))) == 1
        assert (file.size, file.position) == (None, 0)
    writer.join()


AT = datetime(2021, 6, 25, 10, 50, 5)


def table(folder: Path) -> str:
    rows = [
        tables.row(AT, 1),
        tables.row(AT + timedelta(seconds=5), 2, "x", 1, 2, 3, 4),
        "broken\r\n",
    ]
    return str(tables.write(folder / "46m.dat", tables.header(), *rows))


def test_a_table_of_loggernet(tmp_path: Path):
    with opened(table(tmp_path)) as file:
        found = list(points(file, Ways(zone="UTC-05:00")))
    (one,) = (one for one in found if isinstance(one, Points))
    assert one.measurement.tags == ("station",)
    assert one.rows["station"].to_list() == ["46m"]
    assert "RECORD" not in one.rows.columns
    assert [str(time) for time in one.rows["time"].dt.to_string("%FT%T")] == ["2021-06-25T15:50:05"]
    assert [bad.line for bad in found if isinstance(bad, BadLine)] == [6, 7]


def test_a_table_needs_a_zone(tmp_path: Path):
    with opened(table(tmp_path)) as file, pytest.raises(ValueError, match="--zone says it"):
        list(points(file, Ways()))
