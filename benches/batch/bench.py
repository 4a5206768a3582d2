"""Measures a line of 1, 4 and 8 bays whose units wait rather than compute."""

import argparse
import hashlib
import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PROFILE = """\
format: 1
name: bench
version: 1.0.0
match: {{ model: thermostat, driver: smp }}
artifacts:
  big: {{ file: big.bin, sha256: {digest} }}
steps:
  - files: {{ put: {{ /lfs1/big: {{ artifact: big }} }} }}
  - settings: {{ set: {{ net/host: bench.local }} }}
"""


class Unit:
    """A stand-in, plugged into a bay for as long as it lives."""

    def __init__(self, options: argparse.Namespace, link: Path, serial: str) -> None:
        command = [options.hardwire, "stub", "smp", "--json", "--until-stdin-ends", "--serial", serial, "--link", link]
        command += ["--baud", options.baud, "--latency", options.latency, "--write-time", options.write_time]
        command = [str(part) for part in command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        if b'"stub"' not in self.process.stdout.readline():
            raise SystemExit("the stand-in did not start")
        self.plugged = time.monotonic()

    def pull(self) -> None:
        self.process.kill()
        self.process.wait()


class Line:
    """A batch that is on; what it says is handed to whoever waits at the bay."""

    def __init__(self, options: argparse.Namespace, folder: Path, bays: int, count: int) -> None:
        self.said = {bay: queue.Queue() for bay in range(1, bays + 1)}
        ports = ",".join(f"tty:{folder / f'{bay}.tty'}" for bay in self.said)
        command = [str(options.hardwire), "--json", "batch", "bench.yaml", "--bays", ports, "--count", str(count)]
        env = {**os.environ, "HARDWIRE_HOME": str(folder / "home")}
        self.process = subprocess.Popen(
            command, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        for text in self.process.stdout:
            line, now = json.loads(text), time.monotonic()
            if line["type"] != "event" or line["event"] == "run-started":
                if line.get("bay") in self.said:
                    self.said[line["bay"]].put((now, line))

    def next(self, bay: int) -> tuple[float, dict]:
        return self.said[bay].get(timeout=300)


def measure(options: argparse.Namespace, bays: int) -> dict:
    units = []
    with tempfile.TemporaryDirectory(prefix="hardwire-bench-") as name:
        folder = Path(name)
        content = b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(options.size // 32 + 1))
        (folder / "big.bin").write_bytes(content[: options.size])
        digest = hashlib.sha256(content[: options.size]).hexdigest()
        (folder / "bench.yaml").write_text(PROFILE.format(digest=digest))
        line = Line(options, folder, bays, bays * options.units)

        def work(bay: int) -> None:
            for number in range(options.units):
                unit = Unit(options, folder / f"{bay}.tty", f"B{bay}-{number}")
                started, _ = line.next(bay)
                ended, run = line.next(bay)
                if run.get("outcome") != "pass":
                    print(f"bay {bay}: {run}", file=sys.stderr)
                    os._exit(1)
                steps = sum(step["milliseconds"] for step in run["steps"]) / 1000
                units.append((unit.plugged, started, ended, steps))
                unit.pull()

        hands = [threading.Thread(target=work, args=(bay,)) for bay in range(1, bays + 1)]
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
        if line.process.wait(timeout=60) != 0:
            raise SystemExit(f"the batch ended with {line.process.returncode}")
    took = max(ended for _, _, ended, _ in units) - min(plugged for plugged, *_ in units)
    return {
        "hour": len(units) * 3600 / took,
        "unit": statistics.median(ended - plugged for plugged, _, ended, _ in units),
        "start": statistics.median(started - plugged for plugged, started, _, _ in units),
        "own": statistics.median(ended - plugged - steps for plugged, _, ended, steps in units),
        "most": max(ended - plugged - steps for plugged, _, ended, steps in units),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hardwire", type=Path, required=True)
    parser.add_argument("--units", type=int, default=4, help="units a bay")
    parser.add_argument("--size", type=int, default=48_000, help="bytes of the file that each is given")
    parser.add_argument("--baud", default="115200")
    parser.add_argument("--latency", default="2", help="milliseconds to an answer")
    parser.add_argument("--write-time", default="20", help="microseconds of flash for a byte")
    options = parser.parse_args()
    options.hardwire = options.hardwire.resolve()
    print(f"{options.units} units a bay, {options.size} bytes each at {options.baud} baud, an answer after "
          f"{options.latency} ms, {options.write_time} us of flash a byte; {os.cpu_count()} cores.\n")
    print("| bays | units an hour | seconds a unit | against one bay | plug to started | beside its steps | at most |")
    print("| --: | --: | --: | --: | --: | --: | --: |")
    first = None
    for bays in (1, 4, 8):
        found = measure(options, bays)
        first = first or found["unit"]
        print(f"| {bays} | {found['hour']:.0f} | {found['unit']:.2f} | {found['unit'] / first:.2f} x "
              f"| {found['start']:.2f} s | {found['own']:.2f} s | {found['most']:.2f} s |", flush=True)


if __name__ == "__main__":
    main()
