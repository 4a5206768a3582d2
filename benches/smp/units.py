"""Units to measure on: our stand-in, and Zephyr's own server."""

import json
import os
import re
import shutil
import struct
import hashlib
import subprocess
import tempfile
import time
from pathlib import Path


def image(size: int, seed: int = 1) -> bytes:
    """A valid MCUboot image of `size` bytes that does not compress and does not repeat."""
    header, trailer = 32, 40
    body = b"".join(hashlib.sha256(struct.pack("<II", seed, n)).digest() for n in range(size // 32 + 1))
    body = body[: size - header - trailer]
    head = struct.pack("<IIHHIIBBHII", 0x96F3B83D, 0, header, 0, len(body), 0, 9, 0, seed, 0, 0)
    digest = hashlib.sha256(head + body).digest()
    return head + body + struct.pack("<HHHH", 0x6907, trailer, 0x10, 32) + digest


class Unit:
    """A device process in a folder of its own; `tty` is its serial port."""

    def __init__(self, command: list[str], ready) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hardwire-bench-"))
        self.log = open(self.folder / "log", "wb")
        command = [part.replace("{folder}", str(self.folder)) for part in command]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        until = time.monotonic() + 20
        while (tty := ready((self.folder / "log").read_text(errors="replace"))) is None:
            if self.process.poll() is not None or time.monotonic() > until:
                self.__exit__()
                raise SystemExit(f"{command[0]} did not start")
            time.sleep(0.01)
        self.tty = tty

    def __enter__(self) -> "Unit":
        return self

    def __exit__(self, *_) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def stand_in(hardwire: Path, *options: str) -> Unit:
    def ready(log: str) -> str | None:
        for line in log.splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if said.get("type") == "stub":
                return said["address"].removeprefix("tty:")
        return None

    return Unit([str(hardwire), "stub", "smp", "--json", "--state", "{folder}/state", *options], ready)


def zephyr(devices: Path, build: str) -> Unit:
    (program,) = (devices / "fixtures/smp-server").glob(f"*native_sim_{build}.exe")

    def ready(log: str) -> str | None:
        found = re.search(r"connected to pseudotty: (\S+)\n", log)
        return found and found.group(1)

    return Unit([str(program.resolve())], ready)


def machine() -> str:
    cpu = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown CPU"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB, Linux {os.uname().release.split('-')[0]}"
