"""Measures Hardwire beside Google's adb and fastboot on the same daemons. Runs in the guest of tests/usb/bench."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from content import MIB, noise, same, same_trees, sparse, text, tree
from tools import Adb, Fastboot, Hardwire, Took
from units import Adbd, Bootloader, Tcp, Usb

H, NEW, OLD, ALL = "H", "G34", "G29", "G34, all"
LINKS = ("high", "super", "tcp", "far", "fastboot-usb", "fastboot-tcp")
WHAT = ("noise", "text", "small", "unchanged", "large")


def emptied(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"{what} is not what it should be")


class Report:
    """A row for each thing that was measured, as soon as it was."""

    def __init__(self, rounds: int) -> None:
        self.rounds, self.rows = rounds, []
        print("| | link | H | G34 | G29 | G34 / H | G29 / H | CPU s a GB: H | daemon | G34 | daemon | G29 | daemon |")
        print("| --- | --- " + "| --: " * 11 + "|", flush=True)

    def turns(self, what: str, link: str, size: int, calls: dict, note: str = "") -> None:
        """All tools in turn, the order changing from round to round."""
        taken: dict[str, list[Took]] = {name: [] for name in calls}
        for turn in range(self.rounds):
            for name in list(calls) if turn % 2 == 0 else list(reversed(calls)):
                taken[name].append(calls[name]())
        usual = {name: statistics.median(took.seconds for took in all) for name, all in taken.items()}
        gb = size / 1e9

        def seconds(name: str) -> str:
            return f"{usual[name]:.2f}" if name in usual else "–"

        def ratio(theirs: str, ours: str) -> str:
            return f"{usual[theirs] / usual[ours]:.2f} x" if theirs in usual and ours in usual else "–"

        def processor(name: str) -> list[str]:
            if name not in taken:
                return ["–", "–"]
            host = statistics.median(took.host for took in taken[name])
            unit = statistics.median(took.unit for took in taken[name])
            return [f"{host / gb:.0f}", f"{unit / gb:.0f}"]

        cells = [what + note, link, *(seconds(name) for name in (H, NEW, OLD))]
        cells += [ratio(NEW, H), ratio(OLD, H)]
        cells += [cell for name in (H, NEW, OLD) for cell in processor(name)]
        print("| " + " | ".join(cells) + " |", flush=True)
        if ALL in usual:
            print(f"| {what}, everything sent again | {link} | {seconds(H)} | {seconds(ALL)} | – | {ratio(ALL, H)} " + "| – " * 7 + "|",
                  flush=True)


class Bench:
    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self.options, self.folder = options, folder
        self.hardwire = Hardwire(options.hardwire, folder)
        self.adb = {NEW: Adb(options.google, 34, folder), OLD: Adb(options.google, 29, folder)}
        self.fastboot = {NEW: Fastboot(options.google, 34, folder), OLD: Fastboot(options.google, 29, folder)}
        self.report = Report(options.rounds)

    def profile(self, name: str) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(f"format: 1\nname: {name}\nversion: 1.0.0\nmatch: {{ driver: adb }}\nverify: digest\n"
                        f"artifacts:\n  {name}: {{ tree: {name} }}\n"
                        f"steps:\n  - files: {{ put: {{ /sdcard/{name}: {{ tree: {name} }} }} }}\n")
        subprocess.run([self.options.hardwire, "profile", "lock", path], env=self.hardwire.env, check=True, capture_output=True)
        return path

    def file(self, unit: Adbd, what: str, name: str, content: bytes) -> None:
        """One file to the unit, and back."""
        here, back, there = self.folder / name, self.folder / f"{name}.back", f"/sdcard/{name}"
        here.write_bytes(content)
        size = len(content)

        def push(call: Callable) -> Callable:
            def turn() -> Took:
                emptied(unit.path(there))
                took = call()
                check(same(here, unit.path(there)), f"{there} on the unit")
                return took
            return turn

        def pull(call: Callable) -> Callable:
            def turn() -> Took:
                emptied(back)
                # What was read once would not be written again.
                emptied(self.folder / "home/vault")
                took = call()
                check(same(here, back), str(back))
                return took
            return turn

        ours = lambda *words: lambda: self.hardwire.run(unit, *words)
        theirs = lambda name, *words: lambda: self.adb[name].run(unit, *words)
        self.report.turns(f"push {what}", unit.name, size, {
            H: push(ours("put", here, there)),
            NEW: push(theirs(NEW, "push", here, there)), OLD: push(theirs(OLD, "push", here, there))})
        self.report.turns(f"pull {what}", unit.name, size, {
            H: pull(ours("get", there, back)),
            NEW: pull(theirs(NEW, "pull", there, back)), OLD: pull(theirs(OLD, "pull", there, back))})
        for path in (here, back, unit.path(there)):
            emptied(path)

    def small(self, unit: Adbd, moved: bool, unchanged: bool) -> None:
        """Many small files."""
        count, each = self.options.files, 8 << 10
        here, back, there = self.folder / "tree", self.folder / "back", "/sdcard/tree"
        emptied(here)
        tree(here, count, each, 5)
        proven = self.profile("tree")

        def push(call: Callable) -> Callable:
            def turn() -> Took:
                emptied(unit.path(there))
                took = call()
                check(same_trees(here, unit.path(there)), f"{there} on the unit")
                return took
            return turn

        def again(call: Callable, fresh: Callable) -> Callable:
            def turn() -> Took:
                emptied(unit.path(there))
                fresh()
                return call()
            return turn

        def pull(call: Callable, came: bool) -> Callable:
            def turn() -> Took:
                emptied(back)
                emptied(self.folder / "home/vault")
                took = call()
                if came:
                    check(same_trees(here, back / "tree" if (back / "tree").is_dir() else back), str(back))
                else:
                    told = json.loads([line for line in took.said.splitlines() if '"type":"backup"' in line][-1])
                    check(sum(item["kind"] == "file" for item in told["items"]) == count, "what was backed up")
                return took
            return turn

        apply = lambda profile: lambda: self.hardwire.run(unit, "apply", profile)
        theirs = lambda name, *words: lambda: self.adb[name].run(unit, *words)
        words = f"{count} files of 8 KiB"
        if moved:
            self.report.turns(f"push {words}", unit.name, count * each, {
                H: push(apply(proven)),
                NEW: push(theirs(NEW, "push", here, "/sdcard/")), OLD: push(theirs(OLD, "push", here, "/sdcard/"))})
            self.report.turns(f"pull {words}", unit.name, count * each, {
                H: pull(lambda: self.hardwire.run(unit, "backup", "--path", there), False),
                NEW: pull(theirs(NEW, "pull", there, back), True), OLD: pull(theirs(OLD, "pull", there, back), True)})
        if unchanged:
            def proves() -> Took:
                took = self.hardwire.run(unit, "apply", proven)
                steps = json.loads([line for line in took.said.splitlines() if '"type":"run"' in line][-1])["steps"]
                check([step["outcome"] for step in steps] == ["already"], "what an unchanged tree came to")
                return took
            push34 = theirs(NEW, "push", here, "/sdcard/")
            self.report.turns(f"nothing changed in {words}", unit.name, count * each, {
                H: again(proves, apply(proven)),
                NEW: again(theirs(NEW, "push", "--sync", here, "/sdcard/"), push34),
                OLD: again(theirs(OLD, "push", "--sync", here, "/sdcard/"), push34),
                ALL: again(push34, push34)})
        for path in (here, back, unit.path(there)):
            emptied(path)

    def files(self, unit: Adbd) -> None:
        what, size = self.options.what or WHAT, self.options.mib * MIB
        if "noise" in what:
            self.file(unit, f"{self.options.mib} MiB, random", "noise", noise(size, 1))
        if "text" in what:
            self.file(unit, f"{self.options.mib} MiB, text", "text", text(size, 2))
        if "small" in what or "unchanged" in what:
            self.small(unit, "small" in what, "unchanged" in what)
        if "large" in what:
            self.file(unit, f"{4 * self.options.mib} MiB, random", "large", noise(4 * size, 3))

    def images(self, tcp: bool) -> None:
        """Images to a bootloader, each tool with its own, so that what one left does not pass for the other's."""
        size = self.options.mib * MIB
        unit = Bootloader(self.options.hardwire, self.folder, tcp, 4 * size)
        try:
            for what in ("raw image", "sparse image"):
                images = {}
                for seed, name in enumerate((H, NEW, OLD)):
                    image = self.folder / f"image-{seed}.img"
                    data = noise(size if what == "raw image" else size // 32, 10 + seed)
                    image.write_bytes(data if what == "raw image" else sparse(4 * size, data))
                    images[name] = (image, data)

                def flash(name: str) -> Callable:
                    image, data = images[name]
                    first = len(data) // (1 if what == "raw image" else 4)

                    def turn() -> Took:
                        if name == H:
                            took = self.hardwire.run(unit, "flash", image, "--slot", "system", "--activate", "none")
                        else:
                            took = self.fastboot[name].run(unit, "flash", "system", image)
                        with open(unit.held / "system", "rb") as held:
                            check(held.read(first) == data[:first], "the partition")
                        return took
                    return turn

                calls = {name: flash(name) for name in (H, NEW, OLD)}
                sent = {name: counted(unit, call) for name, call in calls.items()}
                told = ", ".join(f"{name} {count / MIB:.2f}" for name, count in sent.items())
                words = f"{self.options.mib} MiB" if what == "raw image" else f"{4 * self.options.mib} MiB, {self.options.mib / 32:g} MiB of data"
                self.report.turns(f"flash {what}, {words}", f"fastboot, {unit.name}", len(images[H][1]), calls, f" (MiB sent: {told})")
                for image, _ in images.values():
                    emptied(image)
        finally:
            unit.end()


def counted(unit: Bootloader, call: Callable) -> int:
    """Bytes that a turn puts on the link: by the kernel's own monitor of the bus, or by the counter of the loopback."""
    counter = Path("/sys/class/net/lo/statistics/tx_bytes")
    if not hasattr(unit, "bus"):
        before = int(counter.read_text())
        call()
        return int(counter.read_text()) - before
    monitor = subprocess.Popen(["cat", f"/sys/kernel/debug/usb/usbmon/{unit.bus}u"], stdout=subprocess.PIPE)
    bytes_sent = [0]

    def read() -> None:
        for line in monitor.stdout:
            words = line.split()
            # Tag, time, submission, kind of the pipe, status, length.
            if len(words) > 5 and words[2] == b"S" and words[3].startswith(b"Bo"):
                bytes_sent[0] += int(words[5])

    reader = threading.Thread(target=read)
    reader.start()
    call()
    monitor.kill()
    reader.join()
    monitor.wait()
    return bytes_sent[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("links", nargs="*", help=f"{', '.join(LINKS)} (default: all)")
    parser.add_argument("--what", nargs="+", choices=WHAT, help="what is moved with adb (default: all)")
    parser.add_argument("--hardwire", type=Path, required=True)
    parser.add_argument("--google", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mib", type=int, default=64, help="MiB of a file; the large one has four times as many")
    parser.add_argument("--files", type=int, default=2000, help="small files")
    parser.add_argument("--latency", type=int, default=20, help="milliseconds there and back, of `far`")
    options = parser.parse_args()
    for link in options.links:
        if link not in LINKS:
            parser.error(f"no link {link}: {', '.join(LINKS)}")
    links = options.links or LINKS
    print(f"{os.cpu_count()} cores, emulated; {options.rounds} rounds, medians, in seconds. H is Hardwire, G is Google's, "
          "by its generation.\n")
    with tempfile.TemporaryDirectory(prefix="hardwire-bench-") as name:
        bench = Bench(options, Path(name))
        make = {"high": lambda: Usb(options.google, False), "super": lambda: Usb(options.google, True),
                "tcp": lambda: Tcp(options.google, 0), "far": lambda: Tcp(options.google, options.latency)}
        for link in links:
            if link in make:
                unit = make[link]()
                try:
                    bench.files(unit)
                finally:
                    unit.end()
            else:
                bench.images(link == "fastboot-tcp")


if __name__ == "__main__":
    main()
