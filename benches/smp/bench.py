"""Hardwire and smpmgr side by side on the same units. See README.md for what is measured and how."""

import argparse
import datetime
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from units import Unit, image, machine, stand_in, zephyr

CEILING = 67.5  # kB/s: what the encoding leaves of 921600 baud


@dataclass
class Cost:
    seconds: float
    cpu: float
    rss: int  # KiB
    out: str
    err: str


def spend(command: list[str], env: dict[str, str] | None = None) -> Cost:
    """Runs a command that must succeed and says what it took."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=os.environ | (env or {})
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.monotonic() - start
        out.seek(0), err.seek(0)
        said, heard = out.read().decode(errors="replace"), err.read().decode(errors="replace")
        if status != 0:
            raise SystemExit(f"{command}: status {status}\n{said}\n{heard}")
        return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, said, heard)


class Hardwire:
    def __init__(self, program: Path, window: int | None = None) -> None:
        self.program = program
        self.options = f",window={window}" if window else ""

    def run(self, *args: str, home: Path) -> Cost:
        return spend([str(self.program), *args, "--json"], {"HARDWIRE_HOME": str(home)})

    def address(self, unit: Unit, baud: int) -> str:
        return f"smp@tty:{unit.tty},baud={baud}{self.options}"

    def asks(self, unit: Unit, baud: int) -> Cost:
        return self.run("info", "-d", self.address(unit, baud), home=unit.folder)

    def applies(self, profile: Path, units: list[Unit], baud: int) -> tuple[Cost, float]:
        """The command's cost, and the seconds that its step took on the slowest unit."""
        names = [part for unit in units for part in ("-d", self.address(unit, baud))]
        cost = self.run("apply", str(profile), *names, "--yes", home=profile.parent)
        runs = [said for line in cost.out.splitlines() if (said := json.loads(line))["type"] == "run"]
        assert len(runs) == len(units) and all(run["outcome"] == "pass" for run in runs), cost.out
        assert all(run["steps"][0]["outcome"] == "done" for run in runs), cost.out
        return cost, max(run["steps"][0]["milliseconds"] for run in runs) / 1000


class Smpmgr:
    def __init__(self, buffer: int) -> None:
        # The most line buffers whose content fits the unit's buffer: smpmgr's default of 2 is for the smallest units.
        lines = 1
        while 86 * (lines + 1) - 3 <= buffer - 4:
            lines += 1
        self.options = ["--line-length", "128", "--line-buffers", str(lines)]

    def uploads(self, unit: Unit, baud: int, content: bytes, *command: str) -> tuple[float, float]:
        """Wall clock and CPU seconds of its upload alone; `command` takes the file where it says `FILE`."""
        (unit.folder / "content").write_bytes(content)
        program = str(Path(__file__).with_name("timed_smpmgr.py"))
        args = [str(unit.folder / "content") if part == "FILE" else part for part in command]
        cost = spend([sys.executable, program, "--port", unit.tty, "--baudrate", str(baud), *self.options, *args])
        (said,) = (line.split() for line in cost.err.splitlines() if line.startswith("transfer "))
        return float(said[1]), float(said[2])


def profile(folder: Path, name: str, step: str, content: bytes) -> Path:
    (folder / "content").write_bytes(content)
    path = folder / f"{name}.yaml"
    path.write_text(
        f"format: 1\nname: {name}\nversion: 1.0.0\nmatch: {{ driver: smp }}\nverify: link\n"
        f"artifacts:\n  it: {{ file: content, sha256: {hashlib.sha256(content).hexdigest()} }}\n"
        f"steps:\n  - {step}\n"
    )
    return path


INTO_SLOT = "firmware: { artifact: it, slot: secondary, activate: none }"
INTO_FILE = "files: { put: { /lfs1/bench: { artifact: it } } }\n    verify: digest"


def rates(options, buffer: int, latency: int, size: int) -> tuple[float, float, float]:
    """kB/s of Hardwire, of Hardwire with one request in flight, and of smpmgr: fresh unit each, in turn."""
    content = image(size)
    taken: dict[str, list[float]] = {}
    contenders = {
        "hardwire": Hardwire(options.hardwire),
        "single": Hardwire(options.hardwire, window=1),
        "smpmgr": Smpmgr(buffer),
    }
    for _ in range(options.rounds):
        for name, tool in contenders.items():
            paced = ["--baud", "921600", "--latency", str(latency), "--buf-size", str(buffer), "--buf-count", "4"]
            with stand_in(options.hardwire, *paced) as unit:
                if isinstance(tool, Hardwire):
                    path = profile(unit.folder, "bench", INTO_SLOT, content)
                    _, seconds = tool.applies(path, [unit], 921600)
                else:
                    seconds, _ = tool.uploads(unit, 921600, content, "image", "upload", "FILE")
            taken.setdefault(name, []).append(seconds)
    return tuple(size / 1000 / statistics.median(taken[name]) for name in contenders)


def throughput(options) -> None:
    size = options.size
    print(f"### One unit at 921600 baud, {size // 1024} KiB image, kB/s (ceiling of the encoding: {CEILING})\n")
    print("| buffers | latency | Hardwire | of the ceiling | one in flight | smpmgr | over one in flight | over smpmgr |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for buffer in (384, 2048):
        for latency in (0, 1, 16):
            ours, single, theirs = rates(options, buffer, latency, size)
            print(
                f"| {buffer} x 4 | {latency} ms | {ours:.1f} | {100 * ours / CEILING:.0f} % | {single:.1f} "
                f"| {theirs:.1f} | {ours / single:.1f} x | {ours / theirs:.1f} x |",
                flush=True,
            )


def real_server(options) -> None:
    size = 7000  # its disk holds two blocks of 4 KiB of data
    content = image(size)
    taken: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        with zephyr(options.devices, "serial_bigrx") as unit:
            path = profile(unit.folder, "bench", INTO_FILE, content)
            _, seconds = Hardwire(options.hardwire).applies(path, [unit], 115200)
            taken.setdefault("ours", []).append(seconds)
        with zephyr(options.devices, "serial_bigrx") as unit:
            seconds, _ = Smpmgr(384).uploads(unit, 115200, content, "file", "upload", "FILE", "/lfs1/bench")
            taken.setdefault("theirs", []).append(seconds)
    ours, theirs = (statistics.median(taken[name]) for name in ("ours", "theirs"))
    print("\n### Zephyr's own server (native, `bigrx`: buffers 384 x 4), a file of 7000 bytes\n")
    print("| | seconds | kB/s | |\n| --- | --: | --: | --- |")
    print(f"| Hardwire | {ours:.2f} | {size / 1000 / ours:.1f} | observed, sent, and its SHA-256 asked from the unit |")
    print(f"| smpmgr | {theirs:.2f} | {size / 1000 / theirs:.1f} | sent |")
    print(f"\nRatio: {theirs / ours:.1f} x.")


def several(options) -> None:
    size = 48 * 1024
    content = image(size)
    tool = Hardwire(options.hardwire)
    paced = ["--baud", "115200", "--buf-size", "2048", "--buf-count", "4"]
    seconds: dict[int, list[float]] = {1: [], 4: []}
    for _ in range(options.rounds):
        for count in seconds:
            units = [stand_in(options.hardwire, *paced) for _ in range(count)]
            try:
                path = profile(units[0].folder, "bench", INTO_SLOT, content)
                cost, _ = tool.applies(path, units, 115200)
                seconds[count].append(cost.seconds)
            finally:
                for unit in units:
                    unit.__exit__()
    one, four = (statistics.median(seconds[count]) for count in seconds)
    print("\n### Four units at once on 115200 baud, 48 KiB image each, whole command\n")
    print("| one unit | four units | longer by |\n| --: | --: | --: |")
    print(f"| {one:.2f} s | {four:.2f} s | {100 * (four / one - 1):.0f} % |")


def footprint(options) -> None:
    tool = Hardwire(options.hardwire)
    home = Path(tempfile.mkdtemp(prefix="hardwire-bench-"))
    detects = [tool.run("detect", home=home).seconds for _ in range(20)]

    content = image(128 * 1024)
    units = [stand_in(options.hardwire, "--buf-size", "2048", "--buf-count", "4") for _ in range(16)]
    try:
        path = profile(units[0].folder, "bench", INTO_SLOT, content)
        sixteen, _ = tool.applies(path, units, 115200)
    finally:
        for unit in units:
            unit.__exit__()

    def cpu_per_megabyte(contender) -> float:
        size = options.cpu_size
        with stand_in(options.hardwire, "--buf-size", "2048", "--buf-count", "4") as unit:
            if isinstance(contender, Hardwire):
                idle = contender.asks(unit, 921600).cpu
                cost, _ = contender.applies(profile(unit.folder, "bench", INTO_SLOT, image(size)), [unit], 921600)
                cpu = cost.cpu - idle
            else:
                _, cpu = contender.uploads(unit, 921600, image(size), "image", "upload", "FILE")
        return cpu / (size / 1e6)

    ours, theirs = (
        statistics.median(cpu_per_megabyte(contender) for _ in range(options.rounds))
        for contender in (tool, Smpmgr(2048))
    )
    print("\n### Footprint\n")
    print("| | |\n| --- | --: |")
    print(f"| `hardwire detect`, start to end (median of 20) | {1000 * statistics.median(detects):.0f} ms |")
    print(f"| resident memory while 16 units are provisioned at once | {sixteen.rss / 1024:.0f} MiB |")
    print(f"| CPU for a megabyte sent, Hardwire | {1000 * ours:.0f} ms |")
    print(f"| CPU for a megabyte sent, smpmgr | {1000 * theirs:.0f} ms |")


def main() -> None:
    parts = {"throughput": throughput, "real": real_server, "several": several, "footprint": footprint}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hardwire", type=lambda p: Path(p).resolve(), required=True)
    parser.add_argument("--devices", type=lambda p: Path(p).resolve(), required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=128 * 1024, help="bytes of the image")
    parser.add_argument("--cpu-size", type=int, default=384 * 1024, help="bytes of the image for the CPU figure")
    parser.add_argument("only", nargs="*", choices=[[], *parts], help="parts to run (default: all)")
    options = parser.parse_args()
    print(f"{datetime.date.today()}, {machine()}; median of {options.rounds} rounds, smpmgr 0.19.1.\n")
    for name, part in parts.items():
        if not options.only or name in options.only:
            part(options)


main()
