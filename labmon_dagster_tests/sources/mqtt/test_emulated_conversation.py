"""The emulated broker and mosquitto: in the same conversation they say the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labmon_dagster.sources.mqtt.emulator import Broker
from labmon_dagster_tests.servers.mosquitto import Mosquitto
from labmon_dagster_tests.sources.mqtt.talking import Got, Talker, as_got, emulated

Conversation = Callable[[int, str], list[object]]


def live_messages(port: int, own: str) -> list[object]:
    """Wildcards, both qualities of service, and an unsubscription."""
    with Talker(port) as hearer, Talker(port) as speaker:
        granted = hearer.subscribe((f"{own}/+/events", 1), (f"{own}/all/#", 0))
        for topic, qos in (("1/events", 1), ("1/other", 1), ("1/2/events", 1), ("2/events", 0), ("all", 1)):
            speaker.publish(f"{own}/{topic}", topic.encode(), qos)
        heard = [hearer.hear() for _ in range(3)]
        hearer.client.unsubscribe(f"{own}/+/events")
        again = hearer.subscribe((f"{own}/last", 1))
        speaker.publish(f"{own}/3/events", b"not heard")
        speaker.publish(f"{own}/last", b"last")
        return [granted, *heard, again, hearer.hear()]


def persistent_session(port: int, own: str) -> list[object]:
    """What comes while the client is away is there when it comes back; a clean one forgets."""
    said: list[object] = []
    with Talker(port) as speaker:
        for clean in (False, False, True, False):
            hearer = Talker(port, own, clean=clean)
            said.append(hearer.connect())
            if len(said) == 1:
                said.append(hearer.subscribe((f"{own}/#", 1)))
            elif said[-1]:
                said += [hearer.hear() for _ in range(3)]
            hearer.end()
            for number in range(3):
                speaker.publish(f"{own}/a", b"%d" % number)
            speaker.publish(f"{own}/a", b"never kept", 0)
    return said


def not_acknowledged(port: int, own: str) -> list[object]:
    """What was not acknowledged comes again, marked, in its order, before what is new."""
    said: list[object] = []
    hearer = Talker(port, own, clean=False, manual=True)
    hearer.connect()
    hearer.subscribe((f"{own}/#", 1))
    with Talker(port) as speaker:
        for number in range(3):
            speaker.publish(f"{own}/a", b"%d" % number)
        first, *others = [hearer.heard.get(timeout=20) for _ in range(3)]
        said += [as_got(one) for one in (first, *others)]
        hearer.acknowledge(first)
        speaker.publish(f"{own}/a", b"3")  # behind the acknowledgement: so that has come
        hearer.hear()
        hearer.drop()
        speaker.publish(f"{own}/a", b"4")
        said.append(hearer.connect())
        said += [hearer.hear() for _ in range(4)]
    hearer.end()
    return said


def retained_message(port: int, own: str) -> list[object]:
    """It is told to who subscribes later, until it is taken back."""
    said: list[object] = []
    with Talker(port) as speaker, Talker(port) as early:
        early.subscribe((f"{own}/#", 1))
        speaker.publish(f"{own}/kept", b"old", retain=True)
        speaker.publish(f"{own}/kept", b"new", retain=True)
        said += [early.hear(), early.hear()]
        for _ in range(2):
            with Talker(port) as late:
                late.subscribe((f"{own}/+", 1))
                speaker.publish(f"{own}/live", b"live")
                said.append(one := late.hear())
                said += [late.hear()] if one.retain else []
            speaker.publish(f"{own}/kept", b"", retain=True)
    return said


def takeover(port: int, own: str) -> list[object]:
    """Who comes with the name of another takes its place."""
    first, second = (Talker(port, own, clean=False) for _ in range(2))
    said: list[object] = [first.connect(), first.subscribe((f"{own}/#", 1))]
    said.append(second.connect())
    said.append(first.gone.wait(20))
    first.end()
    with Talker(port) as speaker:
        speaker.publish(f"{own}/a", b"to the second")
        said.append(second.hear())
    second.end()
    return said


CONVERSATIONS = (live_messages, persistent_session, not_acknowledged, retained_message, takeover)


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=lambda one: one.__name__)
def test_both_say_the_same(conversation: Conversation, mosquitto: Mosquitto) -> None:
    own = f"test_{conversation.__name__}"
    real = conversation(mosquitto.port, own)
    with emulated(Broker()) as port:
        assert conversation(port, own) == real
    assert any(isinstance(one, Got) for one in real)
