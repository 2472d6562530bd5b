"""The client's ini file as sections of keys and texts, before anyone asks what they mean."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TypeAlias

MAIN, SERVER = "eht_influx", "server"
Sections: TypeAlias = dict[str, dict[str, str]]
_COMMENT = re.compile(r"(^|\s)#")
_HINT = "`labmon eht print-config > influx_config.ini` writes one"


def read_sections(file: str | Path) -> Sections:
    """Read the client's sections of an ini file: ``[eht_influx]`` and every ``[server NAME]``.

    Values lose their quotes; ``~`` and ``$VAR`` expand in the file's name. Sections of other programs are
    passed over. Raises ValueError that names the file, and the line or section and key, but no value: a value
    may be a token.
    """
    path = expanded(str(file), "the configuration")
    parser = configparser.ConfigParser(interpolation=None, default_section="\0", strict=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; {_HINT}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: it is no UTF-8 text (byte {error.start})") from None
    except configparser.Error as error:
        raise ValueError(f"{path}: {_complaint(error)}") from None
    ours = [name for name in parser.sections() if _is_ours(path, name)]
    if not ours:
        there = ", ".join(f"[{name}]" for name in parser.sections()) or "none"
        raise ValueError(f"{path}: the section [{MAIN}] is missing; sections there: {there}; {_HINT}")
    return {name: dict(_values(f"{path}: [{name}]", parser[name])) for name in ours}


def expanded(text: str, what: str) -> Path:
    """Give a path, its ``~`` and ``$VAR`` replaced. Raises ValueError for a variable that is not set."""
    path = os.path.expandvars(text)
    unset = re.search(r"\$(\w+|\{\w+\})", path)
    if unset:
        raise ValueError(f"{what}: {text}: {unset[0]} is not set in the environment")
    return Path(path).expanduser()


def near(name: str, allowed: Iterable[str]) -> str:
    """Say which name was probably meant, and which are allowed."""
    known = list(allowed)
    close = get_close_matches(name, known, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}allowed: {', '.join(known)}"


def _is_ours(path: Path, name: str) -> bool:
    """Tell whether a section is the client's. Raises ValueError for one that nearly is."""
    first, _, rest = name.partition(" ")
    if name == MAIN or (first == SERVER and rest.strip()):
        return True
    if first == SERVER or get_close_matches(first, (MAIN, SERVER), n=1, cutoff=0.8):
        raise ValueError(f"{path}: [{name}] is no section of the client; allowed: [{MAIN}], [{SERVER} NAME]")
    return False


def _values(place: str, section: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, text in section.items():
        yield key, _value(f"{place} {key}", text)


def _value(place: str, text: str) -> str:
    """Drop the quotes of a value. Raises ValueError for a comment behind it."""
    quote = text[:1]
    if quote in {'"', "'"}:
        inner, closing, rest = text[1:].partition(quote)
        if closing and not rest.strip():
            return inner
        if not closing:
            raise ValueError(f"{place}: the quote {quote} is never closed")
        if not rest.lstrip().startswith("#"):
            raise ValueError(f"{place}: something stands behind the closing quote {quote}")
    elif not _COMMENT.search(text):
        return text
    raise ValueError(
        f"{place}: a comment behind a value would be part of it; give the comment a line of its own, "
        'or quote the value ("…") if the # belongs to it'
    )


def _complaint(error: configparser.Error) -> str:
    """Say what is wrong with the form of the file, without the text of any line."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno}: it stands before the first section; begin the file with [{MAIN}]"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"line {error.lineno}: [{error.section}] {error.option} is there twice"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"line {error.lineno}: the section [{error.section}] is there twice"
    if isinstance(error, configparser.ParsingError):
        lines = ", ".join(str(number) for number, _ in error.errors)
        return f"line {lines}: it is neither a [section] nor a line as key = value"
    return f"it is no ini file ({type(error).__name__})"
