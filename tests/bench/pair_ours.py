"""The Python guest library at a guestwire-comm: the first argument of every work is where it is. See pairs.py."""

import sys

from pairs import Turn, Work, main

from guestwire.guest.connection import Connection
from guestwire.guest.errors import GuestError
from guestwire.guest.queues import Reader, Writer

MESSAGE = bytes(64)


def event(is_caller: bool, where: str, there: str, back: str) -> Turn:
    host = Connection.open(where)
    mine, other = host.event_open(there if is_caller else back), host.event_open(back if is_caller else there)

    def caller(count: int) -> None:
        for _ in range(count):
            mine.set()
            other.wait()

    def echo(count: int) -> None:
        for _ in range(count):
            other.wait()
            mine.set()

    return caller if is_caller else echo


def _put(writer: Writer) -> None:
    while True:
        try:
            writer.put(MESSAGE)
        except GuestError as err:
            if err.code != "GW_FULL":
                raise
        else:
            return


def _get(reader: Reader) -> None:
    while reader.get() is None:
        pass


def rate(is_caller: bool, where: str, queue: str) -> Turn:
    host = Connection.open(where)
    if is_caller:
        put = host.queue_writer(queue).put

        def write(count: int) -> None:
            while count:
                try:
                    put(MESSAGE)
                except GuestError as err:
                    if err.code != "GW_FULL":
                        raise
                else:
                    count -= 1

        return write
    get = host.queue_reader(queue).get

    def read(count: int) -> None:
        while count:
            if get() is not None:
                count -= 1

    return read


def trip(is_caller: bool, where: str, there: str, back: str) -> Turn:
    host = Connection.open(where)
    writer, reader = host.queue_writer(there if is_caller else back), host.queue_reader(back if is_caller else there)

    def caller(count: int) -> None:
        for _ in range(count):
            _put(writer)
            _get(reader)

    def echo(count: int) -> None:
        for _ in range(count):
            _get(reader)
            _put(writer)

    return caller if is_caller else echo


def loan(is_caller: bool, where: str, queue: str) -> Turn:
    host = Connection.open(where)
    if is_caller:
        writer = host.queue_writer(queue)

        def write(count: int) -> None:
            while count:
                try:
                    slot = writer.loan()
                except GuestError as err:
                    if err.code != "GW_FULL":
                        raise
                else:
                    slot.data[0] = count & 0xFF
                    slot.commit()
                    count -= 1

        return write
    reader = host.queue_reader(queue)

    def read(count: int) -> None:
        while count:
            message = reader.take()
            if message is not None:
                if message.data[0] != count & 0xFF:
                    raise SystemExit("another message than was sent")
                message.release()
                count -= 1

    return read


if __name__ == "__main__":
    main(sys.argv[1:], {"event": Work(event), "rate": Work(rate), "trip": Work(trip), "loan": Work(loan)})
