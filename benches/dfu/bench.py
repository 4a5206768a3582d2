"""Measures Hardwire beside dfu-util on the same DFU units. Runs in the guest of tests/usb/bench."""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

BLOCK_SIZES = (64, 256, 1024, 4096)
POLL_TIMEOUTS = (0, 10)
DFUSE_SIZE = 2048
DFUSE_START = 0x0800_0000
PAGE = 2048


def content(size: int) -> bytes:
    return b"".join(hashlib.sha256(n.to_bytes(4)).digest() for n in range(size // 32 + 1))[:size]


class Unit:
    """A stand-in in DFU mode, on the bus for as long as the block lasts."""

    def __init__(self, options: argparse.Namespace, folder: Path, block: int, poll: int, pages: int) -> None:
        self.folder = folder
        command = [options.hardwire, "stub", "dfu", "--json", "--until-stdin-ends", "--state", folder, "--blank"]
        command += ["--manifestation", "tolerant", "--transfer-size", block, "--poll-timeout", poll]
        if pages:
            layout = f"@Flash/{DFUSE_START:#010x}/{pages:03}*002Kg"
            command += ["--dfuse", layout, "--dfu-usb-id", "0483:df11"]
        else:
            command += ["--slot", "firmware=4194304"]
        command = [str(part) for part in command]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        said = json.loads(self.process.stdout.readline())
        self.port = said["address"].removeprefix("usb:")
        shown = Path("/sys/bus/usb/devices") / self.port / "bConfigurationValue"
        until = time.monotonic() + 20
        while not (shown.exists() and shown.read_text().strip()):
            if time.monotonic() > until:
                raise SystemExit("the stand-in was not seen on the bus")
            time.sleep(0.05)
        subprocess.run(["udevadm", "settle", "--timeout=10"], check=False)

    def __enter__(self) -> "Unit":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=20)

    @property
    def bus(self) -> str:
        return self.port.split("-")[0]

    def holds(self, start: int, data: bytes) -> bool:
        return (self.folder / "memory-0").read_bytes()[start : start + len(data)] == data


def timed(command: list, cwd: Path) -> tuple[float, str]:
    """Seconds from the start of a program to its end, and what it said on stdout."""
    env = {**os.environ, "HARDWIRE_HOME": str(cwd / "home")}
    command = [str(part) for part in command]
    began = time.monotonic()
    ran = subprocess.run(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    took = time.monotonic() - began
    if ran.returncode != 0:
        sys.stderr.write(ran.stdout.decode(errors="replace") + ran.stderr.decode(errors="replace"))
        raise SystemExit(f"{' '.join(command)} ended with {ran.returncode}")
    return took, ran.stdout.decode(errors="replace")


class Monitor:
    """Counts the control transfers on a bus while the block lasts, by the kernel's own monitor."""

    def __init__(self, unit: Unit) -> None:
        self.source = f"/sys/kernel/debug/usb/usbmon/{unit.bus}u"
        self.transfers = 0

    def __enter__(self) -> "Monitor":
        self.process = subprocess.Popen(["cat", self.source], stdout=subprocess.PIPE)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        return self

    def read(self) -> None:
        for line in self.process.stdout:
            words = line.split()
            # Tag, time, submission, kind of the pipe with bus, device and endpoint.
            self.transfers += len(words) > 3 and words[2] == b"S" and words[3][:2] in (b"Co", b"Ci")

    def __exit__(self, *_: object) -> None:
        # The last lines may lag behind what they tell of.
        seen = -1
        while seen != self.transfers:
            seen = self.transfers
            time.sleep(0.5)
        self.process.kill()
        self.reader.join()
        self.process.wait()


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.sizes = [options.blocks // 8, options.blocks]

    def hardwire(self, cwd: Path, *words: object) -> tuple[float, str]:
        return timed([self.options.hardwire, "--json", *words], cwd)

    def pairs(self, unit: Unit, block: int, calls: dict, prepare: Callable = lambda which: None) -> dict:
        """Both tools in turn, with the small and the large image."""
        more = self.sizes[1] - self.sizes[0]
        found = {name: {"counts": [], "taken": ([], [])} for name in calls}
        # A first turn that is not timed: caches get warm, and transfers are counted.
        for which in (0, 1):
            for name, call in calls.items():
                prepare(which)
                with Monitor(unit) as monitor:
                    call(which)
                found[name]["counts"].append(monitor.transfers)
        for turn in range(self.options.rounds):
            for which in (0, 1):
                for name in list(calls) if turn % 2 == 0 else list(reversed(calls)):
                    found[name]["taken"][which].append(calls[name](which))
        kib = more * block / 1024
        for tool in found.values():
            small, large = tool["taken"]
            tool["transfers"] = (tool["counts"][1] - tool["counts"][0]) / more
            tool["slope"] = (min(large) - min(small)) / kib
            tool["usual"] = (statistics.median(large) - statistics.median(small)) / kib
            tool["small"], tool["large"] = statistics.median(small), statistics.median(large)
        return found

    def download(self, block: int, poll: int, dfuse: bool) -> dict:
        images = [content(blocks * block) for blocks in self.sizes]
        with tempfile.TemporaryDirectory(prefix="hardwire-bench-") as name:
            folder = Path(name)
            for which, image in enumerate(images):
                (folder / f"image-{which}.bin").write_bytes(image)
            pages = -(-len(images[1]) // PAGE) if dfuse else 0
            with Unit(self.options, folder / "unit", block, poll, pages) as unit:
                slot = "flash" if dfuse else "firmware"

                def checked(took: float, which: int) -> float:
                    if not unit.holds(0, images[which]):
                        raise SystemExit("the unit does not hold what was sent")
                    return took

                def ours(which: int) -> float:
                    took, _ = self.hardwire(
                        folder, "flash", f"image-{which}.bin", "-d", f"usb:{unit.port}", "--slot", slot,
                        "--activate", "none", "--verify", "link",
                    )
                    return checked(took, which)

                def theirs(which: int) -> float:
                    place = ["-s", f"{DFUSE_START:#010x}"] if dfuse else []
                    took, _ = timed(["dfu-util", "-p", unit.port, "-a", 0, *place, "-D", f"image-{which}.bin"], folder)
                    return checked(took, which)

                return self.pairs(unit, block, {"hardwire": ours, "dfu-util": theirs})

    def upload(self, block: int, dfuse: bool) -> dict:
        """Of memory with addresses the end is read, as much of it as the images have bytes."""
        images = [content(blocks * block) for blocks in self.sizes]
        with tempfile.TemporaryDirectory(prefix="hardwire-bench-") as name:
            folder = Path(name)
            pages = -(-len(images[1]) // PAGE) if dfuse else 0
            held = folder / "held.bin"
            with Unit(self.options, folder / "unit", block, 0, pages) as unit:
                now = []

                def give(which: int) -> bytes:
                    wanted = 1 if dfuse else which
                    if now != [wanted]:
                        held.write_bytes(images[wanted])
                        place = ["-s", f"{DFUSE_START:#010x}"] if dfuse else []
                        timed(["dfu-util", "-p", unit.port, "-a", 0, *place, "-D", held], folder)
                        now[:] = [wanted]
                    return images[1][-len(images[which]) :] if dfuse else images[which]

                def address(data: bytes) -> int:
                    return DFUSE_START + pages * PAGE - len(data)

                def ours(which: int) -> float:
                    data = give(which)
                    slot = f"flash/{address(data):#010x}" if dfuse else "firmware"
                    took, said = self.hardwire(folder, "backup", "-d", f"usb:{unit.port}", "--firmware", slot)
                    line = json.loads(said.splitlines()[-1])
                    if line["items"][0]["sha256"] != hashlib.sha256(data).hexdigest():
                        raise SystemExit("Hardwire read something else than the unit was given")
                    return took

                def theirs(which: int) -> float:
                    data = give(which)
                    (folder / "read.bin").unlink(missing_ok=True)
                    place = ["-s", f"{address(data):#010x}:{len(data)}"] if dfuse else []
                    took, _ = timed(["dfu-util", "-p", unit.port, "-a", 0, *place, "-U", "read.bin"], folder)
                    if (folder / "read.bin").read_bytes() != data:
                        raise SystemExit("dfu-util read something else than the unit was given")
                    return took

                return self.pairs(unit, block, {"hardwire": ours, "dfu-util": theirs}, give)


def row(words: str, block: int, poll: str, found: dict) -> None:
    ours, theirs = found["hardwire"], found["dfu-util"]
    cells = [words, block, poll]
    cells += [f"{tool['transfers']:.2f}" for tool in (ours, theirs)]
    cells += [f"{tool['slope'] * 1000:.2f}" for tool in (ours, theirs)]
    cells += [f"{theirs['slope'] / ours['slope']:.2f} x", f"{theirs['usual'] / ours['usual']:.2f} x"]
    for size in ("small", "large"):
        cells += [f"{ours[size]:.2f}", f"{theirs[size]:.2f}"]
    cells.append(f"{theirs['large'] / ours['large']:.2f} x")
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="download, upload, dfuse (default: all)")
    parser.add_argument("--hardwire", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=160, help="blocks of the large image; the small one has an eighth")
    parser.add_argument("--sizes", type=int, nargs="+", default=BLOCK_SIZES, help="bytes of a block")
    options = parser.parse_args()
    what = options.what or ["download", "upload", "dfuse"]
    bench = Bench(options)
    version = subprocess.run(["dfu-util", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    print(f"{version}; {os.cpu_count()} cores, emulated; {options.rounds} pairs; images of {bench.sizes[0]} and "
          f"{bench.sizes[1]} blocks. H is Hardwire, D is dfu-util.\n")
    print("| | block | poll timeout | transfers a block: H | D | ms a KiB: H | D | D / H | by medians "
          "| small image, s: H | D | large image, s: H | D | D / H |")
    print("| --- " + "| --: " * 13 + "|", flush=True)
    for block in options.sizes:
        for poll in POLL_TIMEOUTS:
            if "download" in what:
                row("download", block, f"{poll} ms", bench.download(block, poll, False))
    for block in options.sizes:
        if "upload" in what:
            row("upload", block, "–", bench.upload(block, False))
    if "dfuse" in what:
        for poll in POLL_TIMEOUTS:
            row("DfuSe download", DFUSE_SIZE, f"{poll} ms", bench.download(DFUSE_SIZE, poll, True))
        row("DfuSe upload", DFUSE_SIZE, "–", bench.upload(DFUSE_SIZE, True))


if __name__ == "__main__":
    main()
