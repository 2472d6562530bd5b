"""A process that does what Dagster's daemon and run workers do, on command, so that tests can kill it.

Commands on standard input, one a line: ``look`` lands overwritten files; ``tick`` evaluates the sensor
and carries out the runs it asks for; ``run`` materializes days in a forked child, whose pid is told
first. Each answer is one line.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg

from labmon_dagster.components import Feed
from labmon_dagster.sources.loggernet.files import TableFiles
from labmon_dagster_tests.labs import lab, materialize, tower


def feed_of(settings: dict[str, Any]) -> Feed:
    """The tower of the test; ``block`` (bytes) makes many small batches of a small file."""
    block = settings.pop("block", None)
    feed = tower(Path(settings.pop("folder")), **settings)
    if block and isinstance(feed.source, TableFiles):
        return replace(feed, source=replace(feed.source, block=block))
    return feed


def tick(feed: Feed) -> None:
    """One evaluation of the sensor, and the runs it asks for."""
    definitions = lab(feed)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, repository_def=definitions.get_repository_def())
        result = definitions.resolve_sensor_def("new_files")(context)
        job = definitions.resolve_implicit_global_asset_job_def()
        for request in result.run_requests or [] if isinstance(result, dg.SensorResult) else []:
            job.execute_in_process(instance=instance, tags=dict(request.tags), run_config=request.run_config)


def run(feed: Feed, first: str, last: str, mode: str) -> None:
    """Materialize days in a child; the answer comes when it is over."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if materialize(feed, first, last, mode=mode).success else 1
        except BaseException:
            traceback.print_exc()
        os._exit(code)
    answer({"pid": child})
    _, status = os.waitpid(child, 0)
    answer({"status": os.waitstatus_to_exitcode(status)})


def answer(said: object) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Obey until standard input ends."""
    settings = json.loads(sys.argv[1])
    feed = feed_of(settings)
    answer("ready")
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "run":
            run(feed, *arguments)
        elif command == "look":
            answer("done" if feed.look and not feed.look() else "trouble")
        else:
            tick(feed)
            answer("done")


if __name__ == "__main__":
    main()
