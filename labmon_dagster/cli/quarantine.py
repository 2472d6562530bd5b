"""`labmon quarantine`: the pieces that could not be stored: listed, shown whole, tried once more."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from typing import Annotated

import typer

from labmon_dagster.cli.common import (
    AnyStore,
    AnyStoreName,
    Told,
    all_opened,
    day_option,
    examples,
    output,
)
from labmon_dagster.cli.retrying import outcomes
from labmon_dagster.formats import aligned, printable
from labmon_dagster.landing.retry import Retried
from labmon_dagster.model.window import instant_text
from labmon_dagster.stores import Quarantined


class Kind(StrEnum):
    """Why a piece was not stored."""

    UNREADABLE = "unreadable"
    UNFIT = "unfit"
    COLLIDED = "collided"


class Shape(StrEnum):
    """How the list is written."""

    TABLE = "table"
    JSONL = "jsonl"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(cls=Told, no_args_is_help=True, rich_markup_mode=None)
    group.command(
        "list", epilog=examples("quarantine list", "quarantine list --day 2021-06-25 --store local")
    )(listed)
    group.command("show", epilog=examples("quarantine show 5c1f30b2a9d84e77", "quarantine show 5c1f"))(show)
    group.command("retry", epilog=examples("quarantine retry 5c1f", "quarantine retry --all"))(retried)
    app.add_typer(
        group, name="quarantine", help="List, show and try again the pieces that could not be stored."
    )


def listed(
    asset: Annotated[str | None, typer.Option(help="Only pieces of this asset.")] = None,
    day: Annotated[str | None, typer.Option(help="Only pieces filed under this UTC day.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only pieces of this kind.")] = None,
    shape: Annotated[Shape, typer.Option("--format", help="How the list is written.")] = Shape.TABLE,
    store: AnyStoreName = None,
) -> None:
    """List the pieces in quarantine, oldest first."""
    chosen_day = day_option(day)
    with all_opened(store) as stores:
        found = _pieces(stores.values(), asset, None if chosen_day is None else [chosen_day])
    pieces = [one for one in found if kind is None or one.kind == kind]
    if shape is Shape.JSONL:
        output().writelines(json.dumps(_members(one), ensure_ascii=False) + "\n" for one in pieces)
        return
    if not pieces:
        typer.echo("nothing is in quarantine" + (" that fits this choice" if asset or day or kind else ""))
        return
    head = ("id", "asset", "day", "kind", "place", "reason")
    rows = [(p.id, p.asset, str(p.day), p.kind, printable(p.place), printable(p.reason)) for p in pieces]
    output().writelines(f"{line}\n" for line in aligned([head, *rows]))


def show(
    ident: Annotated[str, typer.Argument(metavar="ID", help="Its id, or how that begins.")],
    store: AnyStoreName = None,
) -> None:
    """Show everything known of a piece; its raw text, at the end, as it stood in the source."""
    with all_opened(store) as stores:
        piece = _piece(_pieces(stores.values()), ident)
    members = _members(piece)
    context, raw = members.pop("context"), members.pop("raw")
    text = output()
    text.writelines(f"{name + ':':10} {value}\n" for name, value in members.items() if value != "")
    if context:
        text.write(f"context:\n{context}\n")
    text.write(f"raw:\n{raw}\n")


def retried(
    idents: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids, or how they begin.")
    ] = None,
    asset: Annotated[str | None, typer.Option(help="All pieces of this asset.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All pieces of all assets.")] = False,
    store: AnyStoreName = None,
) -> None:
    """Read pieces once more, with the settings of today, and store what is now readable.

    Nothing else of the source is read. A piece that is refused again stays in quarantine.
    """
    if not (idents or asset or every):
        raise typer.BadParameter("name pieces by id, or give --asset or --all")
    with all_opened(store) as stores:
        pieces = [_piece(_pieces(stores.values()), one) for one in idents or []]
        pieces += _pieces(stores.values(), asset) if asset or every else []
        unique = list({one.id: one for one in pieces}.values())
        done = [_told(outcome) for outcome in outcomes(stores, unique)]
    typer.echo(f"{sum(done)} of {len(done)} pieces are out of quarantine")


def _told(outcome: Retried) -> bool:
    piece = outcome.piece
    said = outcome.said if outcome.stored else f"still refused: {outcome.said}"
    typer.echo(printable(f"{piece.id} {piece.asset} {piece.place}: {said}"))
    return outcome.stored


def _pieces(
    stores: Iterable[AnyStore], asset: str | None = None, days: Iterable[date] | None = None
) -> list[Quarantined]:
    """Give the pieces of all stores, each once: an SQLite file may be two of them."""
    listed = None if days is None else list(days)
    return list({one.id: one for store in stores for one in store.quarantined(asset, listed)}.values())


def _piece(pieces: Iterable[Quarantined], ident: str) -> Quarantined:
    """Find the piece with that id, or the only one whose id begins so."""
    found = [one for one in pieces if ident and one.id.startswith(ident)]
    exact = [one for one in found if one.id == ident]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise ValueError(f"{len(found)} ids begin with {ident!r}: {', '.join(one.id for one in found[:5])}")
    raise ValueError(f"no piece {ident!r} is in quarantine; `labmon quarantine list` shows those there are")


def _members(piece: Quarantined) -> dict[str, object]:
    return {**asdict(piece), "day": piece.day.isoformat(), "met": instant_text(piece.met)}
