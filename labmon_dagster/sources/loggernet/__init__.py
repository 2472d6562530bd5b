"""Tables of Campbell Scientific loggers, from the files that LoggerNet writes."""
