"""What is written to and read from: the real adbd over USB and TCP, and our stand-in for a bootloader."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
NEAR, FAR = "10.77.0.1", "10.77.0.2"
PORT = 5555


def sh(*words: object) -> None:
    ran = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(f"{' '.join(str(word) for word in words)}: {ran.stdout}{ran.stderr}")


def until(what: str, is_so: Callable, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit(f"waited in vain: {what}")
        time.sleep(0.02)


def cpu(pid: int) -> float:
    """Seconds of processor that a process and the children that it waited for have had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


class Adbd:
    """Debian's build of Android's daemon, in namespaces of its own; what is below /sdcard is memory."""

    def __init__(self, google: Path, before: str = "") -> None:
        folders = "mkdir -p /sdcard /data && mount -t tmpfs tmpfs /sdcard && mount -t tmpfs tmpfs /data"
        script = f"read go && {before}{folders} && mkdir -p /data/local/tmp && cd / && exec {google / '34/adbd'}"
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--", "sh", "-c", script],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "ADBD_PORT": str(PORT)} if not before else dict(os.environ),
        )
        self.pid = self.process.pid

    def go(self) -> None:
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def path(self, of_the_unit: str) -> Path:
        return Path(f"/proc/{self.pid}/root{of_the_unit}")

    def cpu(self) -> float:
        return cpu(self.pid)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


class Usb(Adbd):
    """Behind a gadget of the kernel's, plugged into a virtual port."""

    def __init__(self, google: Path, fast: bool) -> None:
        sh("sh", "-c", f"modprobe -r dummy_hcd && modprobe dummy_hcd num=1 is_super_speed={int(fast)}")
        self.name = "USB, SuperSpeed" if fast else "USB, high speed"
        self.folder = Path("/sys/kernel/config/usb_gadget/bench")
        for part in ("", "strings/0x409", "configs/c.1", "functions/ffs.bench"):
            (self.folder / part).mkdir()
        said = {"idVendor": "0x18d1", "idProduct": "0x4ee7", "strings/0x409/manufacturer": "Debian",
                "strings/0x409/product": "adbd", "strings/0x409/serialnumber": "BENCH-1"}
        for key, value in said.items():
            (self.folder / key).write_text(value)
        (self.folder / "configs/c.1/ffs.bench").symlink_to(self.folder / "functions/ffs.bench")
        super().__init__(google, "mkdir -p /dev/usb-ffs/adb && mount -t functionfs bench /dev/usb-ffs/adb && ")
        self.go()
        until("endpoints of the daemon", self.path("/dev/usb-ffs/adb/ep2").exists)
        (self.folder / "UDC").write_text("dummy_udc.0")
        until("the unit on the bus", lambda: self.plugged() and (self.plugged() / "bConfigurationValue").read_text().strip())
        subprocess.run(["udevadm", "settle", "--timeout=10"], check=False)
        self.address = f"adb@usb:{self.plugged().name}"
        self.serial = "BENCH-1"
        self.connect = None

    @staticmethod
    def plugged() -> Path | None:
        found = (serial.parent for serial in Path("/sys/bus/usb/devices").glob("*-1/serial"))
        return next((unit for unit in found if (unit / "serial").read_text().strip() == "BENCH-1"), None)

    def end(self) -> None:
        super().end()
        try:
            (self.folder / "UDC").write_text("\n")
        except OSError:
            pass
        (self.folder / "configs/c.1/ffs.bench").unlink()
        for part in ("functions/ffs.bench", "configs/c.1", "strings/0x409", ""):
            (self.folder / part).rmdir()


class Tcp(Adbd):
    """At the other end of a virtual cable, on which a packet and its answer take `delay` milliseconds together."""

    def __init__(self, google: Path, delay: int) -> None:
        self.name = f"TCP, {delay} ms"
        super().__init__(google)
        until("namespaces", lambda: os.readlink(f"/proc/{self.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        sh("modprobe", "-a", "veth", "sch_netem")
        sh("ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1", "netns", self.pid)
        there = ["nsenter", "--target", self.pid, "--net", "--"]
        for here, device, address in (([], "bench0", NEAR), (there, "bench1", FAR)):
            sh(*here, "ip", "address", "add", f"{address}/30", "dev", device)
            sh(*here, "ip", "link", "set", device, "up")
            if delay:
                sh(*here, "tc", "qdisc", "add", "dev", device, "root", "netem", "delay", f"{delay / 2}ms", "limit", "100000")
        sh(*there, "ip", "link", "set", "lo", "up")
        self.go()
        listens = f":{PORT:04X} "
        until("the daemon's port", lambda: any(
            listens in line for line in Path(f"/proc/{self.pid}/net/tcp6").read_text().splitlines()
            + Path(f"/proc/{self.pid}/net/tcp").read_text().splitlines()))
        self.address = f"adb@tcp:{FAR}:{PORT}"
        self.serial = f"{FAR}:{PORT}"
        self.connect = self.serial

    def end(self) -> None:
        super().end()
        until("the cable to go", lambda: not Path("/sys/class/net/bench0").exists())


class Bootloader:
    """Our stand-in for a phone in its bootloader, over USB or TCP."""

    def __init__(self, hardwire: Path, folder: Path, tcp: bool, size: int) -> None:
        self.name = "TCP, 0 ms" if tcp else "USB, high speed"
        self.held = folder / "unit/partitions"
        command = [hardwire, "stub", "fastboot", "--json", "--until-stdin-ends", "--state", folder / "unit",
                   "--partition", f"system={size}"]
        command += ["--tcp", "127.0.0.1:0"] if tcp else []
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = self.process.pid
        said = json.loads(self.process.stdout.readline())["address"]
        self.address = f"fastboot@{said}"
        self.serial = said if tcp else "FB-0001"
        if not tcp:
            port = said.removeprefix("usb:")
            shown = Path("/sys/bus/usb/devices") / port / "bConfigurationValue"
            until("the unit on the bus", lambda: shown.exists() and shown.read_text().strip())
            subprocess.run(["udevadm", "settle", "--timeout=10"], check=False)
            self.bus = port.split("-")[0]

    def cpu(self) -> float:
        return cpu(self.pid)

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=20)
