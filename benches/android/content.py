"""What is moved: the same bytes in every run."""

import os
import random
import struct
from pathlib import Path

MIB = 1 << 20
LEVELS = ("INFO", "WARN", "DEBUG", "ERROR")
PARTS = ("battery", "display", "wifi", "location", "package", "storage", "camera", "input")


def noise(size: int, seed: int) -> bytes:
    chance = random.Random(seed)
    whole, rest = divmod(size, MIB)
    # It counts the bits of what it is asked for at once in a C integer.
    return b"".join(chance.randbytes(MIB) for _ in range(whole)) + chance.randbytes(rest)


def text(size: int, seed: int) -> bytes:
    """Lines as of a log; after 4 MiB they come again, which is farther back than a fast compression looks."""
    chance = random.Random(seed)
    lines, length, at = [], 0, 0
    while length < min(size, 4 * MIB):
        at += chance.randrange(1, 5000)
        line = (f"2026-11-28 {at // 3600000 % 24:02}:{at // 60000 % 60:02}:{at // 1000 % 60:02}.{at % 1000:03} "
                f"{chance.choice(LEVELS)} {chance.choice(PARTS)}[{chance.randrange(30000)}]: request "
                f"{chance.getrandbits(64):016x} took {chance.randrange(90000)} us, result {chance.randrange(4)}\n")
        lines.append(line)
        length += len(line)
    block = "".join(lines).encode()
    return (block * (size // len(block) + 1))[:size]


def tree(folder: Path, count: int, size: int, seed: int) -> None:
    """Files in twenty folders."""
    for number in range(count):
        into = folder / f"part-{number % 20:02}"
        into.mkdir(parents=True, exist_ok=True)
        (into / f"file-{number:04}.bin").write_bytes(noise(size, seed * 100000 + number))


def sparse(size: int, data: bytes, block: int = 4096) -> bytes:
    """An Android sparse image: `data` in four places, the rest is not said."""
    part = len(data) // 4 // block
    gap = size // block // 4 - part
    chunks = []
    for place in range(4):
        raw = data[place * part * block : (place + 1) * part * block]
        chunks.append(struct.pack("<HHII", 0xCAC1, 0, part, 12 + len(raw)) + raw)
        chunks.append(struct.pack("<HHII", 0xCAC3, 0, gap, 12))
    head = struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, block, size // block, len(chunks), 0)
    return head + b"".join(chunks)


def same(one: Path, other: Path) -> bool:
    with open(one, "rb") as a, open(other, "rb") as b:
        if os.fstat(a.fileno()).st_size != os.fstat(b.fileno()).st_size:
            return False
        while piece := a.read(MIB):
            if piece != b.read(MIB):
                return False
    return True


def same_trees(one: Path, other: Path) -> bool:
    names = lambda folder: sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return names(one) == names(other) and all(same(one / name, other / name) for name in names(one))
