"""Hardwire and Google's clients: what a run of each takes."""

import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from units import cpu, until


@dataclass
class Took:
    """A process from its start to its end."""

    seconds: float
    # Processor seconds: of the client and, for Google's, of its server; and of the daemon.
    host: float
    unit: float
    said: str


def run(command: list, cwd: Path, env: dict, unit: object, server: int | None = None) -> Took:
    command = [str(word) for word in command]
    with open(cwd / "said", "w+b") as said:
        before = (unit.cpu(), cpu(server) if server else 0)
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        host = used.ru_utime + used.ru_stime + (cpu(server) - before[1] if server else 0)
        said.seek(0)
        words = said.read().decode(errors="replace")
    if process.returncode != 0:
        sys.stderr.write(words[-4000:])
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Took(seconds, host, unit.cpu() - before[0], words)


class Hardwire:
    def __init__(self, program: Path, cwd: Path) -> None:
        self.program, self.cwd = program, cwd
        self.env = {**os.environ, "HARDWIRE_HOME": str(cwd / "home"), "HOME": str(cwd)}

    def run(self, unit: object, *words: object) -> Took:
        return run([self.program, "--json", *words, "-d", unit.address], self.cwd, self.env, unit)


class Adb:
    """The client and a server of its own, that is there and knows the unit before the clock starts."""

    def __init__(self, google: Path, generation: int, cwd: Path) -> None:
        self.program, self.cwd = google / str(generation) / "adb", cwd
        home = cwd / f"adb-{generation}"
        home.mkdir()
        self.env = {**os.environ, "HOME": str(home), "TMPDIR": str(home), "ADB_MDNS": "0", "ADB_MDNS_AUTO_CONNECT": "0"}

    def run(self, unit: object, *words: object) -> Took:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        adb = [str(self.program), "-L", f"tcp:localhost:{port}"]
        log = open(self.cwd / "server.log", "wb")
        server = subprocess.Popen([*adb, "nodaemon", "server"], env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until("the adb server", lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
            if unit.connect:
                subprocess.run([*adb, "connect", unit.connect], env=self.env, capture_output=True)
            listed = lambda: subprocess.run([*adb, "devices"], env=self.env, capture_output=True, text=True).stdout
            until("the unit with adb", lambda: f"{unit.serial}\tdevice" in listed())
            return run([*adb, "-s", unit.serial, *words], self.cwd, self.env, unit, server.pid)
        finally:
            server.kill()
            server.wait()
            log.close()


class Fastboot:
    def __init__(self, google: Path, generation: int, cwd: Path) -> None:
        self.program, self.cwd = google / str(generation) / "fastboot", cwd

    def run(self, unit: object, *words: object) -> Took:
        return run([self.program, "-s", unit.serial, *words], self.cwd, dict(os.environ), unit)
