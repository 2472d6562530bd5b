"""The interface of ricochet.monitoring.ricochetdb as its documentation lists it, name for name."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Way(StrEnum):
    """How a function of a class is called."""

    METHOD = "method"
    ABSTRACT = "abstract method"
    STATIC = "static method"
    ASYNC_STATIC = "async static method"
    CLASS = "class method"


@dataclass(frozen=True)
class Method:
    """Its parameters as they are documented, without ``self`` or ``cls``."""

    parameters: str
    way: Way = Way.METHOD


@dataclass(frozen=True)
class Class:
    """A class: its base, the parameters of its constructor, its functions."""

    base: str
    constructor: str
    methods: dict[str, Method] = field(default_factory=dict)


_DEVICE = "(ip_addr: str, prot: str, cat: str)"
_GET_DATA = Method("(results, udp_buffer=[])")
_CREATE = Method("(record_dict)")
_RUN = Method("()")


def _device(**methods: Method) -> Class:
    return Class("Device", _DEVICE, {"get_data": _GET_DATA, **methods})


CLASSES = {
    "CMCPADevice": _device(
        breakdownReplyData=Method("(rawdata, data)"), buildRegistersQuery=Method("()", Way.STATIC)
    ),
    "CPX200Device": _device(
        cpx200dp_cmd=Method("(device_ip_address, device_port, cmd)", Way.ASYNC_STATIC),
    ),
    "CryoConceptDevice": _device(),
    "DaqLogger": Class("object", "()", {"insert": Method("(messages)")}),
    "DataFetcher": Class(
        "object",
        "(mapping_file='./mapping.json')",
        {
            "add_datasource": Method("(device_type, device_ip_address, file_location='/www/device.htm')"),
            "append_from_file": Method("(file_name)"),
            "fetch": Method("(data_type='imacrt')"),
            "move_to_file": Method("(file_name)"),
            "upload": Method("(collection)"),
        },
    ),
    "Database": Class(
        "object",
        "()",
        {
            "close": Method("()"),
            "get_collection": Method("(col)"),
            "get_database": Method("()", Way.CLASS),
            "get_db_timestamp": Method("()"),
            "is_configured": Method("()"),
            "set_address": Method("(address)"),
            "set_db_name": Method("(name)"),
            "upload": Method("(data, collection, bulk_size=1000)"),
        },
    ),
    "DatedRecordManager": Class(
        "RecordManager",
        "(collection_name)",
        {
            "start": Method("(record_name, start_date=None)"),
            "stop": Method("(record_name, stop_date=None)"),
        },
    ),
    "DetectorManager": Class("RecordManager", "(collection_name)", {"create": _CREATE}),
    "Device": Class("ABC", _DEVICE, {"get_data": Method("(results, udp_buffer=[])", Way.ABSTRACT)}),
    "DummyImacrtServer": Class("Thread", "(m='MMR3', ip_address='127.0.0.1', p=12001)", {"run": _RUN}),
    "JSONCMCPADevice": _device(),
    "JSONScaleDevice": _device(),
    "MGC3Device": _device(),
    "MMR3Device": _device(),
    "MP710508Device": _device(),
    "ProcessingDataLoader": Class(
        "object", "()", {"parse_folder": Method("(folder_name, regexp, delete_files=True)")}
    ),
    "ProcessingRecord": Class("object", "(file_name)"),
    "RecordManager": Class("ABC", "(collection_name)", {"create": Method("(record_dict)", Way.ABSTRACT)}),
    "RunManager": Class("DatedRecordManager", "(collection_name, dcn)", {"create": _CREATE}),
    "StreamManager": Class(
        "DatedRecordManager",
        "(collection_name, dcn)",
        {
            "add_detector": Method(
                "(stream_name: str, channel_config: dict, acq_config: dict, bbox_status: dict)"
            ),
            "add_history_record": Method(
                "(timestamp, stream_name, detector_name, label, code_commit, description='', "
                "processing_status=None, processing_conf=None)"
            ),
            "add_temperature": Method("(stream_name, mean_temp, std_temp)"),
            "create": _CREATE,
        },
    ),
    "UdpImacrtCollector": Class(
        "Thread",
        "(data_buffer, ip_address='0.0.0.0', p=12000)",
        {"run": _RUN, "stop_after_next_message": Method("()")},
    ),
}

FUNCTIONS = {
    "is_date": "(value)",
    "is_float": "(value)",
    "is_int": "(value)",
    "query_imacrt_udp": "(ip, message)",
    "send_udp_message": "(ip, port, message)",
    "to_local": "(utc_date)",
}
