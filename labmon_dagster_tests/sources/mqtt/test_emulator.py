"""The emulated broker alone: what it refuses, what it has no room for, which topics a filter means."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.client import topic_matches_sub
from paho.mqtt.enums import MQTTErrorCode

from labmon_dagster.sources.mqtt.emulated_packets import LONGEST, Type, packet
from labmon_dagster.sources.mqtt.emulated_sessions import is_filter, matches
from labmon_dagster.sources.mqtt.emulator import Broker
from labmon_dagster_tests.sources.mqtt.talking import HOST, Talker, emulated

CONNECT = bytes.fromhex("100d 0004 4d515454 04 02 003c 0001 61")  # client "a", clean session
ACCEPTED = bytes.fromhex("20 02 00 00")
LEVELS = st.lists(st.sampled_from(["a", "b", "", "+", "#", "a+", "é", "$own"]), min_size=1, max_size=4)


@pytest.fixture
def broker() -> Broker:
    return Broker(queue=5)


@pytest.fixture
def port(broker: Broker) -> Iterator[int]:
    with emulated(broker) as port:
        yield port


def answer(port: int, sent: bytes) -> bytes:
    """Send bytes, and give all that comes until the broker closes the connection."""
    with closing(socket.create_connection((HOST, port), 20)) as connection:
        connection.sendall(sent)
        received = b""
        with suppress(ConnectionResetError):  # it does not read what comes behind what it refuses
            while more := connection.recv(1000):
                received += more
    return received


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("100d 0004 4d515454 05 02 003c 0001 61", 1),  # MQTT 5
        ("100f 0006 4d5149736470 03 02 003c 0001 61", 1),  # MQTT 3.1
        ("100c 0004 4d515454 04 00 003c 0000", 2),  # a persistent session of nobody
        ("1013 0004 4d515454 04 06 003c 0001 61 0001 74 0001 77", 5),  # a will
    ],
)
def test_who_is_not_let_in_is_told_why(port: int, sent: str, code: int) -> None:
    assert answer(port, bytes.fromhex(sent)) == bytes([0x20, 2, 0, code])


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 20,
        packet(Type.PINGREQ, b""),
        CONNECT[:1] + bytes([5]) + CONNECT[2:7],  # shorter than what it says of itself
    ],
)
def test_who_does_not_begin_with_a_connect_is_sent_away(port: int, sent: bytes) -> None:
    assert answer(port, sent) == b""


@pytest.mark.parametrize(
    "sent",
    [
        CONNECT,  # for the second time
        bytes.fromhex("34 06 0001 74 0001 78"),  # QoS 2
        bytes.fromhex("32 06 0001 74 0000 78"),  # QoS 1 without a number
        bytes.fromhex("30 04 0001 23 78"),  # to a wildcard
        bytes.fromhex("30 04 0001 ff 78"),  # no UTF-8
        bytes.fromhex("80 06 0001 0001 74 01"),  # reserved bits of SUBSCRIBE
        bytes.fromhex("82 02 0001"),  # of nothing
        bytes.fromhex("82 07 0001 0009 74 01 00"),  # a string that goes on behind its packet
        bytes.fromhex("62 02 0001"),  # PUBREL
        bytes([0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),  # five bytes of length
        packet(Type.PUBLISH, bytes(LONGEST + 1))[:10],  # longer than what is taken
        bytes.fromhex("e000"),  # DISCONNECT
    ],
)
def test_what_is_not_served_ends_the_connection_and_only_that(port: int, sent: bytes) -> None:
    with Talker(port) as other:
        other.subscribe(("t", 1))
        assert answer(port, CONNECT + sent) == ACCEPTED
        other.publish("t", b"still served")
        assert other.hear().payload == b"still served"


def test_a_silent_client_is_gone_after_one_and_a_half_of_its_keep_alive(port: int) -> None:
    assert answer(port, CONNECT.replace(b"\x00\x3c", b"\x00\x01")) == ACCEPTED


def test_a_bad_filter_is_refused_and_the_others_are_granted(port: int) -> None:
    with Talker(port) as talker:
        talker.client._filter_wildcard_len_check = lambda sub: MQTTErrorCode.MQTT_ERR_SUCCESS  # type: ignore[method-assign]
        assert talker.subscribe(("a/#/b", 1), ("a", 2), ("b", 0)) == [0x80, 1, 0]


def test_a_queue_that_is_full_loses_what_comes(port: int, broker: Broker) -> None:
    hearer = Talker(port, "slow", clean=False)
    hearer.connect()
    hearer.subscribe(("t", 1))
    hearer.end()
    with Talker(port) as speaker:
        for number in range(7):
            speaker.publish("t", b"%d" % number)
    assert broker.sessions["slow"].dropped == 2
    assert hearer.connect()
    assert [hearer.hear().payload for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
    hearer.end()


def test_many_messages_come_in_their_order_while_some_are_not_acknowledged(port: int, broker: Broker) -> None:
    broker._queue = 1000
    hearer = Talker(port, manual=True)
    hearer.connect()
    hearer.subscribe(("t", 1))
    with Talker(port) as speaker:
        told = [speaker.client.publish("t", b"%d" % number, 1) for number in range(300)]
        told[-1].wait_for_publish(20)
        waiting = []
        for number in range(300):
            message = hearer.heard.get(timeout=20)
            assert message.payload == b"%d" % number
            waiting.append(message)
            if len(waiting) == 20:  # as many as it sends before it waits
                for one in waiting:
                    hearer.acknowledge(one)
                waiting.clear()
    hearer.end()


@given(LEVELS, LEVELS)
def test_filters_mean_the_topics_that_they_mean_to_clients(pattern: list[str], topic: list[str]) -> None:
    asked, name = "/".join(pattern), "/".join(topic)
    if is_filter(asked) and name and not {"+", "#"} & set(name):
        assert matches(asked, name) == topic_matches_sub(asked, name)


@pytest.mark.parametrize("pattern", ["", "a/#/b", "a#", "#/a", "a+/b", "a/+b"])
def test_what_is_no_filter(pattern: str) -> None:
    assert not is_filter(pattern)


@pytest.mark.parametrize("pattern", ["a", "/", "+", "#", "a/+/b/#", "/+"])
def test_what_is_a_filter(pattern: str) -> None:
    assert is_filter(pattern)
