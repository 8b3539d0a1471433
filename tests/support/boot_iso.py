"""A CD image that boots without any tool to make it: an ISO 9660 file system with one El Torito boot sector, which writes a
line to the first serial port and halts (ISO 9660:1988 8.4, 9.1; El Torito 1.0)."""

import struct

SECTOR = 2048
_ROOT, _PATHS_L, _PATHS_M, _CATALOG, _CODE = 20, 21, 22, 19, 23
_SECTORS = 24


def boot_iso(text: str) -> bytes:
    """The image; a machine that boots it says `text` on its first serial port, and stays on."""
    image = bytearray(SECTOR * _SECTORS)

    def put(sector: int, data: bytes) -> None:
        image[sector * SECTOR : sector * SECTOR + len(data)] = data

    put(16, _volume())
    put(17, b"\x00CD001\x01" + b"EL TORITO SPECIFICATION".ljust(32, b"\x00") + bytes(32) + struct.pack("<I", _CATALOG))
    put(18, b"\xffCD001\x01")
    put(_CATALOG, _catalog())
    put(_ROOT, _directory(b"\x00") + _directory(b"\x01"))
    put(_PATHS_L, struct.pack("<BBIHBx", 1, 0, _ROOT, 1, 0))
    put(_PATHS_M, struct.pack(">BBIHBx", 1, 0, _ROOT, 1, 0))
    put(_CODE, _code(text.encode("ascii") + b"\r\n\x00"))
    return bytes(image)


def _both(number: int, size: str) -> bytes:
    """A number in both byte orders."""
    return struct.pack(f"<{size}", number) + struct.pack(f">{size}", number)


def _directory(name: bytes) -> bytes:
    return (
        bytes([34, 0]) + _both(_ROOT, "I") + _both(SECTOR, "I") + bytes(7) + b"\x02\x00\x00" + _both(1, "H") + b"\x01" + name
    )  # fmt: skip


def _volume() -> bytes:
    """The primary volume descriptor."""
    start = b"\x01CD001\x01\x00" + b" " * 32 + b"GUESTWIRE".ljust(32) + bytes(8) + _both(_SECTORS, "I") + bytes(32)
    sizes = _both(1, "H") + _both(1, "H") + _both(SECTOR, "H") + _both(10, "I")
    places = struct.pack("<II", _PATHS_L, 0) + struct.pack(">II", _PATHS_M, 0)
    return (start + sizes + places + _directory(b"\x00")).ljust(881, b" ") + b"\x01"


def _catalog() -> bytes:
    """The validation entry, whose 16-bit words add up to 0, and one sector to load without emulation."""
    entry = bytearray(b"\x01" + bytes(29) + b"\x55\xaa")
    total = sum(struct.unpack("<16H", entry))
    struct.pack_into("<H", entry, 28, -total & 0xFFFF)
    return bytes(entry) + struct.pack("<BBHBBHI", 0x88, 0, 0, 0, 0, 4, _CODE)


def _code(message: bytes) -> bytes:
    """Real-mode code that may be loaded anywhere."""
    body = bytes.fromhex(
        "fc"  # cld
        "e80000"  # call the next byte
        "5e"  # pop si: where that is
        "83c61c"  # add si: the message
        "0e1f"  # push cs; pop ds
        "ac"  # next: lodsb
        "84c0"  # test al, al
        "7410"  # jz off
        "50"  # push ax
        "bafd03"  # mov dx, 0x3fd
        "ec"  # ready: in al, dx
        "a820"  # test al, 0x20
        "74fb"  # jz ready
        "58"  # pop ax
        "baf803"  # mov dx, 0x3f8
        "ee"  # out dx, al
        "ebeb"  # jmp next
        "f4"  # off: hlt
        "ebfd"  # jmp off
    )
    called = 4  # the address that is popped, counted from the start
    length = len(body) - called
    body = body.replace(bytes.fromhex("83c61c"), bytes([0x83, 0xC6, length]))
    return body + message
