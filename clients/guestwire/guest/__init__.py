"""The guest library: regions, events, queues, locks and guest services by name, inside a guest or beside it on the host."""
