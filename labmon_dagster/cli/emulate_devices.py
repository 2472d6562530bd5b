"""`labmon emulate mmr3` and the like: devices on the wire, which can also misbehave."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from labmon_dagster.cli.common import examples
from labmon_dagster.running.instruments import (
    EMULATED,
    Emulated,
    Manners,
    Place,
    default_places,
    named,
    serve,
)
from labmon_dagster.sources.emulation.faults import Behaviour, Fault

_RICOCHET = examples("emulate ricochet", "emulate ricochet --serve mmr3=127.0.0.1:12061 --fault-rate 0.1")
_FAULTS = {
    Fault.NONE: "a good answer",
    Fault.SILENCE: "no answer",
    Fault.GARBAGE: "random bytes, as many as the answer has",
    Fault.HALF: "a part of the answer, then the connection is closed",
    Fault.WRONG_LENGTH: "more than the answer",
    Fault.LATE: "the answer, --late seconds after the question",
    Fault.DISCONNECT: "the connection is closed without an answer; over UDP the same as silence",
    Fault.SLOW: f"the answer, {Behaviour.slow:g} s after the question",
    Fault.ALARM: "a good answer of a device that has an alarm",
}
_TOLD = "; ".join(f"{fault.value}: {what}" for fault, what in _FAULTS.items())

Host: TypeAlias = Annotated[str, typer.Option(help="The address of ours that it is served at.")]
Seed: TypeAlias = Annotated[int, typer.Option(help="Other values for another number.")]
Always: TypeAlias = Annotated[
    Fault, typer.Option("--fault", help=f"What is wrong with every reply. {_TOLD}.")
]
Rate: TypeAlias = Annotated[
    float, typer.Option("--fault-rate", min=0, max=1, help="The share of replies with a fault at random.")
]
Among: TypeAlias = Annotated[
    list[Fault] | None, typer.Option("--among", help="Which faults come at random; all, if not given.")
]
Late: TypeAlias = Annotated[float, typer.Option(min=0, help="By how many seconds a late reply is late.")]
ReplyPort: TypeAlias = Annotated[
    int, typer.Option(min=0, max=65_535, help="Answer UDP to this port, not to where the question came from.")
]
Log: TypeAlias = Annotated[
    Path | None, typer.Option(help="A file that gets a JSON line for each numbered reply.")
]


def register(emulators: typer.Typer) -> None:
    """Add a command for each device, and one for the devices of RICOCHET together."""
    emulators.command("ricochet", epilog=_RICOCHET)(ricochet)
    for one in EMULATED.values():
        epilog = examples(
            f"emulate {one.name}", f"emulate {one.name} --port {one.port + 100} --fault late --late 2"
        )
        emulators.command(one.name, epilog=epilog, help=_help(one))(_command(one))


def _help(one: Emulated) -> str:
    if not one.title[0].isupper():
        return f"Be the {one.title}."
    return f"Be {'an' if one.title[0] in 'AEIOU' else 'a'} {one.title} ({one.scheme})."


def _command(one: Emulated) -> Callable[..., None]:
    def device(
        port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free one.")] = one.port,
        host: Host = "127.0.0.1",
        seed: Seed = 0,
        fault: Always = Fault.NONE,
        rate: Rate = 0.0,
        among: Among = None,
        late: Late = 2.5,
        reply_port: ReplyPort = 0,
        log: Log = None,
    ) -> None:
        manners = Manners(fault, rate, tuple(among or ()), late, seed, reply_port, log)
        _serve([Place(one, host, port)], manners)

    return device


def ricochet(
    places: Annotated[
        list[str] | None, typer.Option("--serve", help="Only these, as NAME=HOST:PORT; may be repeated.")
    ] = None,
    host: Host = "127.0.0.1",
    seed: Seed = 0,
    fault: Always = Fault.NONE,
    rate: Rate = 0.0,
    among: Among = None,
    late: Late = 2.5,
    log: Log = None,
) -> None:
    """Be all the devices of RICOCHET: cryostat, bridges, compressor, supplies and scale."""
    manners = Manners(fault, rate, tuple(among or ()), late, seed, 0, log)
    _serve(named(places) if places else default_places(host), manners)


def _serve(places: Sequence[Place], manners: Manners) -> None:
    """Serve until SIGINT or SIGTERM; the first line is written when all are there."""
    asyncio.run(_until_stopped(places, manners))


async def _until_stopped(places: Sequence[Place], manners: Manners) -> None:
    serving = asyncio.create_task(serve(places, manners, _tell))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
    with suppress(asyncio.CancelledError):  # that is how it is stopped
        await serving


def _tell(places: list[Place]) -> None:
    for one in places:
        typer.echo(f"{one.emulated.title}: {one.emulated.address(one.host, one.port)}")
    typer.echo("Ctrl-C stops it" if len(places) == 1 else "Ctrl-C stops them")
