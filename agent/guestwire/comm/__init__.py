"""guestwire-comm: regions, events, queues, locks, guest services and networks of one host."""
