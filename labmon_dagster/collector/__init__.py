"""The collector: asks devices, hears what they say unasked, and has it on disk before anything else is done.

It joins what otherwise do not know each other: kinds of devices (sources/) and journals (journal/).
"""
