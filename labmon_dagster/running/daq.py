"""A simulated DAQ of RICOCHET: runs and streams one after the other, messages, processing output.

What it does follows from the time alone: started again, it ends what it left open and goes on. It writes
through what a DAQ program of the lab uses, and makes no past up: it begins when it is started.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from labmon_dagster.clients.ricochetdb.daq import DaqLogger
from labmon_dagster.records.lab import LabRecords, lab_records
from labmon_dagster.records.models import Dated, Stream

DETECTORS = ("FID1", "RED15", "RED234")
_RUN, _STREAM = "sim_run", "sim_stream"
_STAMP = "%Y%m%d_%H%M%S"
_COMMIT = "87b5e5a"
_STEP = 5  # seconds from one look at the records to the next
_EVENTS = 40


@dataclass(frozen=True)
class SimulatedDaq:
    """The DAQ. A stream of ``length`` s begins every ``period`` s, a run every ``run_period`` s.

    ``folder`` gets a file for each stream that is over. Times are seconds since 1970.
    """

    folder: Path
    length: int = 120
    period: int = 150
    run_period: int = 3600
    seed: int = 0
    _logger: DaqLogger = field(default_factory=DaqLogger, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < self.length < self.period or self.run_period % self.period:
            raise ValueError("streams must be shorter than their period, of which a run has a whole number")

    def catch_up(self, until: float) -> int:
        """End what an earlier one left open, begin what is due at ``until``. Gives how many it ended."""
        with lab_records() as lab:
            for name in lab.detectors.unknown(list(DETECTORS)):
                lab.detectors.create({"name": name, "status": "good"})
            left = [one for one in (*lab.runs.all(), *lab.streams.all()) if _is_ours(one) and one.running]
            for one in left:
                self._end(lab, one, until)
            self._begin(lab, until)
        return len(left)

    def run(self, stop: threading.Event) -> None:
        """Go on until ``stop`` is set."""
        while not stop.wait(1.0):
            now = time.time()
            self.log(now)
            if int(now) % _STEP == 0:
                with lab_records() as lab:
                    self.step(lab, now)

    def log(self, now: float) -> None:
        """Insert the messages of a second."""
        wave = math.sin(now / 60)
        rates = {f"rate_{name}": round(12 + 3 * wave + index, 3) for index, name in enumerate(DETECTORS)}
        buffer = self._chance(int(now)).uniform(0.1, 0.4)
        self._logger.insert(
            [
                {"topic": "trigger", "timestamp": now, **rates},
                {"topic": "acquisition", "timestamp": now, "buffer": round(buffer, 4), "state": "ok"},
            ]
        )

    def step(self, lab: LabRecords, now: float) -> None:
        """End the run and the stream that are over, begin the next ones."""
        for records, prefix, period in (
            (lab.runs, _RUN, self.run_period),
            (lab.streams, _STREAM, self.period),
        ):
            for begin in (now - period, now):
                name = _name(prefix, begin, period)
                if records.store.find(records.collection, name) is not None:
                    self._end(lab, records.get(name), now)
        self._begin(lab, now)

    def _begin(self, lab: LabRecords, now: float) -> None:
        run, stream = _name(_RUN, now, self.run_period), _name(_STREAM, now, self.period)
        if lab.runs.store.find(lab.runs.collection, run) is None:
            named = [{"name": one} for one in DETECTORS]
            about = "simulated: an hour of all detectors"
            lab.runs.create({"name": run, "detector": named, "start_date": _utc(now), "description": about})
        if now % self.period < self.length and lab.streams.store.find(lab.streams.collection, stream) is None:
            lab.streams.create(_stream(stream, now))

    def _end(self, lab: LabRecords, one: Dated, now: float) -> None:
        """End a run or stream that is over; what a stream gave is processed, once."""
        begun = datetime.strptime(one.name[-15:], _STAMP).replace(tzinfo=UTC).timestamp()
        end = begun + (self.length if isinstance(one, Stream) else self.run_period)
        if now < end or one.start_date is None:
            return
        if one.running:
            records = lab.streams if isinstance(one, Stream) else lab.runs
            records.stop(one.name, max(_utc(end), one.start_date))
        if isinstance(one, Stream):
            self._process(lab, lab.streams.get(one.name), now)

    def _process(self, lab: LabRecords, stream: Stream, now: float) -> None:
        if not stream.history:
            self._write_file(stream, now)
        for name in [one for one in DETECTORS if one not in {entry.det_name for entry in stream.history}]:
            fields = {
                "det_name": name,
                "label": "processed",
                "code_commit": _COMMIT,
                "processing_status": 1.0,
            }
            lab.streams.add_history(stream.name, lab.streams.history_entry(stream.name, _utc(now), **fields))

    def _write_file(self, stream: Stream, now: float) -> None:
        """Write what the processing of a stream gave; whole, or not at all."""
        chance = self._chance(stream.name)
        start = stream.start_date.timestamp() if stream.start_date else now
        events = [
            {
                "timestamp": _utc(start + chance.uniform(0, self.length)).isoformat(),
                "detector": chance.choice(DETECTORS),
                "energy_keV": round(chance.expovariate(0.2), 4),
                "rise_time_ms": round(chance.gauss(4.2, 0.3), 4),
            }
            for _ in range(_EVENTS)
        ]
        found = {"stream_id": stream.name, "timestamp": _utc(now).isoformat(), "records": events}
        name = hashlib.blake2b(stream.name.encode(), digest_size=4).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f".{name}.part"
        part.write_text(json.dumps(found, indent=1))
        part.replace(self.folder / f"{name}.json")

    def _chance(self, of: object) -> random.Random:
        return random.Random(f"{self.seed} {of}")  # noqa: S311 - values of a simulation


def _is_ours(one: Dated) -> bool:
    return one.name.startswith((f"{_RUN}_", f"{_STREAM}_"))


def _name(prefix: str, now: float, period: int) -> str:
    return f"{prefix}_{_utc(now - now % period).strftime(_STAMP)}"


def _stream(name: str, now: float) -> dict[str, object]:
    channels = [
        {"det_name": one, "chan_name": channel, "amplitude": 0.11, "compensation": 0.771, "gain": 1}
        for one in DETECTORS
        for channel in ("ChalA", "ChalB")
    ]
    return {
        "name": name,
        "acq_config": {"modulation": True, "d2": 250, "d3": 400, "Rt": 1, "maintenance": False},
        "channel_config": channels,
        "start_date": _utc(now),
        "comment": "simulated",
        "status": "good",
    }


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
