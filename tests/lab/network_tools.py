"""The tools that read where addresses are kept, in a root of their own: they tell what a boot would make of files."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Mapping
from functools import partial
from ipaddress import ip_interface
from pathlib import Path

from tests.lab.cache import cached
from tests.lab.call import LabError, call
from tests.lab.image import image

PACKAGES = ("systemd", "iproute2", "ifupdown2", "netplan.io", "network-manager")
# Its package cannot be there beside ifupdown2.
IFUPDOWN = """--customize-hook=chroot "$1" sh -c '
    cd /tmp && apt-get download -qq ifupdown && dpkg -x ifupdown_*.deb /opt/ifupdown && rm ifupdown_*.deb'"""
Addresses = dict[str, set[str]]


class Tools:
    """
    + root: a Debian root with the tools
    """

    def __init__(self, root: Path, scratch: Path) -> None:
        self.root = root
        self.scratch = scratch

    def networkd(self, files: Mapping[str, str], links: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
        """What `ip -o address` shows once networkd has read the files, and the file that it applies to each link.

        + links: their addresses of hardware, by name
        """
        self._write(files, "/etc/systemd/network")
        # The other ends are in a namespace of their own, where no file of these is for them.
        made = "; ".join(
            f"ip link add {name} address {mac} type veth peer name peer; ip link set peer name p{number} netns $other; "
            f"nsenter -t $other -n ip link set p{number} up; ip link set {name} up"
            for number, (name, mac) in enumerate(links.items())
        )
        said = self._run(
            f"""
            mount -t tmpfs none "$ROOT/run" && mkdir -p "$ROOT"/run/systemd/netif/links "$ROOT"/run/systemd/netif/leases
            chown -R --reference="$ROOT/var/lib/systemd/network" "$ROOT/run/systemd/netif" 2>/dev/null ||
                chroot "$ROOT" chown -R systemd-network: /run/systemd/netif
            mount -t sysfs -o ro none "$ROOT/sys" && mount -t proc none "$ROOT/proc" && mount -t proc none /proc
            unshare -n sleep 60 & other=$!
            until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
            {made}; ip link set lo up
            chroot "$ROOT" /lib/systemd/systemd-networkd >"$ROOT/run/said" 2>&1 &
            networkd=$! tries=0
            cd "$ROOT/run/systemd/netif/links"
            until [ "$(cat ./* 2>/dev/null | grep -cxE 'ADMIN_STATE=(configured|unmanaged)')" = {len(links) + 1} ]; do
                tries=$((tries + 1)); [ $tries -lt 100 ] || {{ cat "$ROOT/run/said" >&2; exit 1; }}; sleep 0.1
            done
            ip -o address
            for link in "$ROOT"/sys/class/net/*; do
                echo "@ ${{link##*/}} $(sed -n 's/^NETWORK_FILE=//p' "$(cat $link/ifindex)")"
            done
            kill $networkd $other
            """
        )
        lines = said.splitlines()
        units = {words[1]: words[2] for line in lines if line.startswith("@ ") and len(words := line.split()) == 3}
        return [line for line in lines if not line.startswith("@ ")], units

    def netplan(self, files: Mapping[str, str]) -> Addresses:
        self._write(files, "/etc/netplan")
        said = self._run(
            """
            mount -t tmpfs none "$ROOT/run" && chroot "$ROOT" /usr/libexec/netplan/generate 2>"$ROOT/run/said" ||
                { cat "$ROOT/run/said" >&2; exit 1; }
            ! ls "$ROOT"/run/systemd/network/*.network >/dev/null 2>&1 || cat "$ROOT"/run/systemd/network/*.network
            """
        )
        found: Addresses = {}
        for text in said.split("[Match]")[1:]:
            name = re.search(r"^Name=(.*)$", text, re.MULTILINE)
            assert name, text
            found[name[1]] = set(re.findall(r"^Address=(.*)$", text, re.MULTILINE))
        return found

    def ifupdown(self, files: Mapping[str, str], names: list[str]) -> Addresses:
        """`ifquery` of Debian's own ifupdown."""
        self._write(files, "/etc/network")
        return {name: self._of_stanzas(f"/opt/ifupdown/sbin/ifquery {name}") for name in names}

    def ifupdown2(self, files: Mapping[str, str], names: list[str]) -> Addresses:
        self._write(files, "/etc/network")
        return {name: self._of_stanzas(f"ifquery {name}") for name in names}

    def keep(
        self, files: Mapping[str, str], script: str, directory: str, tools: str = ""
    ) -> tuple[str, dict[str, str]]:
        """Runs a script of a host there; what it complains of, and the files as they are then.

        + tools: a directory whose tools come first
        """
        self._write(files, directory)
        script = script.replace(
            "PATH=/usr/local/sbin", f"PATH={tools}:/usr/local/sbin" if tools else "PATH=/usr/local/sbin"
        )
        mounted = 'mount -t tmpfs none "$ROOT/run"; mount -t proc none "$ROOT/proc"'
        said = self._run(f'{mounted}; chroot "$ROOT" sh -s 2>&1 || echo failed', script)
        found = [path for path in self.scratch.rglob("*") if path.is_file() and "/ifupdown2/" not in str(path)]
        return said, {f"/{path.relative_to(self.scratch)}": path.read_bytes().decode() for path in found}

    def nmcli(self, *words: str, profile: str = "") -> str:
        """What becomes of a profile."""
        command = ["unshare", "-m", "chroot", str(self.root), "nmcli", "--offline", "connection", *words]
        done = subprocess.run(command, input=profile or None, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LabError(done.stderr)
        return done.stdout

    def _of_stanzas(self, command: str) -> set[str]:
        mounted = 'mount -t tmpfs none "$ROOT/run"; mount -t proc none "$ROOT/proc"; chroot "$ROOT"'
        said = self._run(f"{mounted} {command} 2>&1 || :")
        if re.search("unknown interface|cannot find interfaces", said):
            return set()
        if re.search("^(error|ifquery): ", said, re.MULTILINE):
            raise LabError(said)
        mask, found = "", set()
        for line in reversed(said.splitlines()):
            key, _, value = line.strip().replace(": ", " ").partition(" ")
            mask = value.strip() if key == "netmask" else "" if key == "iface" else mask
            if key == "address":
                found.add(str(ip_interface(value.strip() if "/" in value else f"{value.strip()}/{mask}")))
        return found

    def _write(self, files: Mapping[str, str], directory: str) -> None:
        subprocess.run(["rm", "-rf", str(self.scratch)], check=True)
        (self.scratch / directory.lstrip("/")).mkdir(parents=True)
        if (settings := self.root / "etc/network/ifupdown2").is_dir():
            shutil.copytree(settings, self.scratch / "etc/network/ifupdown2", dirs_exist_ok=True)
        for path, text in files.items():
            place = self.scratch / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(text.encode())
            place.chmod(0o644)
        self.bound = directory

    def _run(self, text: str, sent: str = "") -> str:
        at = f'"$ROOT{self.bound}"'
        # For those in it to have mounts of their own, their root must be one.
        bound = "mount --make-rprivate / && mount --bind $ROOT $ROOT"
        bound = f"{bound} && mkdir -p {at} && mount --bind {self.scratch}{self.bound} {at}"
        command = ["unshare", "-mn", "--pid", "--fork", "--kill-child", "sh", "-c", f"{bound} || exit\n{text}"]
        done = subprocess.run(
            command,
            env={"ROOT": str(self.root), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
            input=sent,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode:
            raise LabError(done.stdout + done.stderr)
        return done.stdout


def tools(scratch: Path) -> Tools:
    recipe = hashlib.sha256(" ".join([*PACKAGES, IFUPDOWN]).encode()).hexdigest()[:12]
    place = image().directory.with_name(f"network-tools-{recipe}")
    return Tools(cached(place, partial(_make)) / "root", scratch)


def _make(directory: Path) -> None:
    call(
        [
            *["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", IFUPDOWN],
            *["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/locale/*"],
            *["bookworm", str(directory / "root")],
        ]
    )
