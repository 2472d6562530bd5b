"""Addresses of devices: what can be one is understood, all else is refused with its reason."""

from __future__ import annotations

import pytest

from labmon_dagster.model.devices import Address


@pytest.mark.parametrize(
    "text",
    [
        "udp://192.168.44.61",
        "tcp://imacrt.lab:502",
        "https://münchen.example/page",
        "http://[fe80::1]:8080/",
        "tcp://host.lab.",
        "tcp://under_score",
        "tcp://" + "a" * 63,
    ],
)
def test_good_addresses(text: str):
    assert str(Address.parse(text)).replace("[", "").replace("]", "") == text.replace("[", "").replace(
        "]", ""
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("tcp://a..b", "is no name of a host"),
        ("tcp://.a", "is no name of a host"),
        ("tcp://" + "a" * 64 + ".x", "is no name of a host"),
        ("http://é" + "a" * 70, "is no name of a host"),
        ("tcp://a\0b", "cannot be printed"),
        ("http://host/x\r\nGET /y HTTP/1.1", "cannot be printed"),
        ("tcp://exa mple", "is no name of a host"),
        ("tcp://host#part", "has no #"),
        ("http://host/x#?on=1", "has no #"),
        ("udp://host:0", "is a number from 1 to 65535"),
        ("udp://host:99999", "is a number from 1 to 65535"),
        ("http://[::1/", "Invalid IPv6"),
        ("host", "is no address"),
        ("http://me:secret@host", "a user or password does not belong"),
    ],
)
def test_what_is_no_address(text: str, told: str):
    with pytest.raises(ValueError, match=told):
        Address.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://user:hush@h/",
        "user:hush@10.0.0.1",
        "udp:/user:hush@h",
        "http:user:hush@h",
        "http://user:hu/sh@h/",
        "http://user:hu#sh@h",
        "http://h:hush",
        "http://h:99999",
    ],
)
def test_what_may_be_a_password_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"does not belong|is a number from 1 to 65535|is no address"
    ) as refused:
        Address.parse(text)
    assert "hu" not in str(refused.value)


def test_a_query_may_be_a_token_and_is_not_shown() -> None:
    address = Address.parse("http://host/page?token=hush")
    assert address.path == "/page?token=hush"
    assert str(address) == "http://host/page?…"
    assert Address.parse(str(address)).path == "/page?…"
