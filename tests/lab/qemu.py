"""The parts of a QEMU command line that every guest shares."""

import os
import re
from pathlib import Path

QEMU = "qemu-system-x86_64"
BOOT_OPTIONS = "root=/dev/mapper/centos-root ro quiet tsc=reliable net.ifnames=0 systemd.show_status=1"


def virtualizes() -> bool:
    """Whether KVM works. Where not, guests are emulated.

    A nested hypervisor may offer /dev/kvm without passing VMX or SVM on; a guest then hangs before its first line.
    """
    flags = re.search(r"^flags\s*:.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return flags is not None and os.access("/dev/kvm", os.R_OK | os.W_OK)


def _accelerator() -> list[str]:
    if virtualizes():
        return ["-accel", "kvm", "-cpu", "host"]
    # Without the features for which the guest loads modules that nothing here needs: each costs it a second. Nor those
    # that are fast in a processor and slow where they are emulated: copying by one instruction (erms, fsrm), wide
    # registers (avx), looking at each access of the kernel to a user's memory (smap, smep).
    without = "svm la57 aes pclmulqdq sha-ni erms fsrm avx avx2 smap smep"
    cpu = ",".join(["max", *(f"{feature}=off" for feature in without.split())])
    # With the default of 1 GiB of translated code, what is left of the last boot makes each reboot take minutes; with
    # a sixteenth of it, engines of containers are translated again and again.
    return ["-accel", "tcg,thread=multi,tb-size=256", "-cpu", cpu]


def _kernel_options() -> str:
    # What is translated is found again by its address in the process: where each process lies elsewhere, to translate
    # its libraries takes four times as long as all that it does. And beside much other work the kernel once counted too
    # few ticks of the timer, took it for a broken one, and stopped.
    return "mitigations=off" if virtualizes() else "mitigations=off norandmaps no_timer_check"


def command(*, kernel: Path, initrd: Path, append: str, console: Path, memory: int) -> list[str]:
    return [
        QEMU,
        *["-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", *_accelerator()],
        *["-smp", "2", "-m", str(memory), "-device", "virtio-rng-pci"],
        *["-kernel", str(kernel), "-initrd", str(initrd)],
        *["-append", f"console=ttyS0 {_kernel_options()} {append}"],
        *["-serial", f"file:{console}"],
    ]


def disk(path: Path, name: str, *, image_format: str = "qcow2", cache: str = "writeback") -> list[str]:
    """One virtio disk; the guest sees disks as /dev/vda, /dev/vdb, ... in the order of the command line."""
    # In QEMU's option syntax a comma inside a value is written twice.
    file = str(path).replace(",", ",,")
    return [
        *["-drive", f"if=none,id={name},file={file},format={image_format},cache={cache},discard=unmap"],
        *["-device", f"virtio-blk-pci,drive={name},serial={name}"],
    ]


def recorded_disk(path: Path, name: str, write_log: Path) -> list[str]:
    """A disk as above, whose writes and flushes also go to a file, in the format of the kernel's dm-log-writes."""
    file, log = (str(one).replace(",", ",,") for one in (path, write_log))
    return [
        *["-blockdev", f"node-name={name}-disk,driver=qcow2,discard=unmap,file.driver=file,file.filename={file}"],
        *["-blockdev", f"node-name={name}-log,driver=raw,file.driver=file,file.filename={log}"],
        "-blockdev",
        f"node-name={name},driver=blklogwrites,file={name}-disk,log={name}-log,log-sector-size=512,discard=unmap",
        *["-device", f"virtio-blk-pci,drive={name},serial={name}"],
    ]


def monitor() -> list[str]:
    """It hears commands on its standard input; one whose memory was written while it stood still goes on from there."""
    return ["-monitor", "stdio", "-global", "migration.store-global-state=off"]


def uplink(ssh_port: int, other_address: str = "") -> list[str]:
    """The network card eth0, by which the guest reaches the world, and its SSH server answers on 127.0.0.1.

    + other_address: one that the guest may come to have: by that it answers on 127.0.0.2
    """
    other = f",hostfwd=tcp:127.0.0.2:{ssh_port}-{other_address}:22" if other_address else ""
    return [
        *["-netdev", f"user,id=uplink,hostfwd=tcp:127.0.0.1:{ssh_port}-:22{other}"],
        # The guest recognizes the card by its address.
        *["-device", "virtio-net-pci,netdev=uplink,mac=52:54:00:12:34:56,romfile="],
    ]


def cards(number: int) -> list[str]:
    """More network cards, eth1 and so on, all on one wire that leads nowhere else."""
    words = []
    for card in range(1, number + 1):
        words += ["-netdev", f"hubport,id=wire{card},hubid=1"]
        words += ["-device", f"virtio-net-pci,netdev=wire{card},mac=52:54:00:12:35:{card:02x},romfile="]
    return words
