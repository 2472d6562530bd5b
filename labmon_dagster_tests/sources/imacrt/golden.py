"""A MES1 record written by hand, byte by byte, from the description of the format."""

RECORD = bytes.fromhex(
    "01"  # id
    "00"  # channel, from 0
    "1000"  # samples: 16
    "03"  # index of the current range
    "04"  # index of the voltage range
    "00f15365"  # seconds: 1 700 000 000
    "fa00"  # milliseconds: 250
    "0200"  # status: 2
    "000000000000e03f"  # current: 0.5
    "000000000000d03f"  # DT_ADC: 0.25
    "0000000000408f40"  # R, averaged: 1000
    "0000000024f46d41"  # sum of R^2: 15 704 352
    "0000000000000040"  # peak to peak: 2
    "0000000000001140"  # converted: 4.25
)
"""Of channel 0."""


def record(channel: int) -> bytes:
    """The record, of another channel."""
    return RECORD[:1] + bytes([channel]) + RECORD[2:]
