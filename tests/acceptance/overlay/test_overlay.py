"""The story of an overlay on a real host: mounted, written to, changed by hand and put right, booted, removed."""

import re
from collections.abc import Callable
from typing import Any

from tests.acceptance.deploy import deploy

MakeHost = Callable[..., Any]
DISK = """
set -e
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 /dev/vdb
mkdir -p /srv/disk
echo "UUID=$(blkid -o value -s UUID /dev/vdb) /srv/disk ext4 defaults 0 2" >>/etc/fstab
systemctl daemon-reload
mount /srv/disk
cd /srv/disk
mkdir -p theme base/dir/deep base/gone
for n in 1 2 3 4 5 6 7 8; do echo "base $n" >base/$n; echo "deep $n" >base/dir/deep/$n; done
echo theme >theme/1
ln base/2 base/hard
ln -s 3 base/link
setfattr -n user.x -v y base/4 2>/dev/null || :
chown 1000:1000 theme && chmod 2750 theme
"""
AT = "/srv/site/merged"
# Whatever is in lower layers, to the byte, with all that stat(1) tells but access times.
LOWERS = (
    "cd /srv/disk && find theme base | LC_ALL=C sort | xargs -d '\\n' stat -c '%n %i %f %u %g %s %Y %Z %h' && "
    "find theme base -type f | LC_ALL=C sort | xargs -d '\\n' sha256sum"
)
WRITTEN = f"""
set -e
cd {AT}
[ "$(cat 1)" = theme ]
echo new >1; echo more >>2; rm 3; mv 4 moved; cp 5 copied; rm -r gone; mkdir gone; echo here >gone/new
mv dir/deep dir/depth 2>/dev/null || {{ mkdir dir/depth && mv dir/deep/* dir/depth/ && rmdir dir/deep; }}
chmod 600 6; truncate -s 0 7; ln -s nowhere new-link; sync
"""
STATE = """
cut -d ' ' -f 3- /proc/self/mountinfo | grep -v ' /run/user'; cat /etc/fstab; ls -lR /srv /etc/systemd/system
"""


def test_the_whole_story(make_host: MakeHost) -> None:
    host = make_host(spare_disks=("1G",))
    machine = host.machine
    machine.succeed(DISK)
    wish = {
        "target": AT,
        "lower": ["/srv/disk/theme", "/srv/disk/base"],
        "upper": "/srv/disk/upper",
        "work": "/srv/disk/work",
        "options": ["noatime"],
    }
    many = [f"/srv/layers/{number:02d}-".ljust(60, "x") for number in range(50)]
    machine.succeed(f"mkdir -p {' '.join(many)}; for one in /srv/layers/*; do echo >$one/${{one##*/}}; done")
    wishes = [
        wish,
        {"target": "/srv/many", "lower": many},
        {"target": "/srv/view", "lower": ["/srv/disk/base/dir", "/srv/disk/theme"]},
    ]

    def run(*some: dict[str, Any], flags: tuple[str, ...] = ()) -> Any:
        return deploy("overlay", host.inventory, *flags, overlay_mounts=list(some))

    first = run(*wishes)
    assert first.code == 0, first.err
    before = machine.succeed(LOWERS)
    assert machine.succeed(f"stat -c '%u %g %a' {AT} /srv/disk/upper") == "1000 1000 2750\n" * 2
    machine.succeed(WRITTEN)
    assert machine.succeed(LOWERS) == before
    again = run(*wishes, flags=("-vvv",))
    assert again.unchanged, again.err
    assert again.remote_commands == 1, again.err

    # Drift: of what runs, and of what a boot finds; no other overlay is touched.
    machine.succeed(f"umount {AT} && mount -t overlay overlay -o lowerdir=/srv/disk/base:/srv/disk/theme {AT}")
    machine.succeed("echo '# changed' >>/etc/systemd/system/srv-view.mount")
    machine.succeed("rm /etc/systemd/system/local-fs.target.wants/srv-site-merged.mount")
    view = machine.succeed("grep ' /srv/view ' /proc/self/mountinfo")
    mended = run(*wishes)
    assert f"{AT}: unmount it, and mount it anew: lower /srv/disk/base, /srv/disk/theme -> " in mended.err
    assert "/srv/view: correct srv-view.mount" in mended.err
    assert machine.succeed("grep ' /srv/view ' /proc/self/mountinfo") == view
    assert run(*wishes).unchanged

    # Refused, and all is as it was.
    machine.succeed("mkdir -p /srv/x && printf '[Mount]\\nWhat=none\\n' >/etc/systemd/system/srv-x.mount")
    state = machine.succeed(STATE)
    mistakes = {
        "/srv/x": ({}, "/etc/systemd/system/srv-x.mount mounts it, and is not ours: move it away"),
        "/srv/c": ({"upper": "/srv/disk/upper", "work": "/srv/disk/c"}, "upper /srv/disk/upper is upper "),
        "/srv/d": (
            {"upper": "/srv/disk/theme/u", "work": "/srv/disk/d"},
            "upper /srv/disk/theme/u is in lower /srv/disk/theme",
        ),
        "/srv/e": ({"upper": "/run/u", "work": "/run/w"}, "upper /run/u is on tmpfs, which a boot empties"),
        "/var/lib/docker/overlay2/m": (
            {},
            "it is below /var/lib/docker, where a container engine has its own overlays",
        ),
        "/srv/f": ({"lower": ["/srv/none", "/srv/disk/base"]}, "lower /srv/none is not there"),
    }
    several = [
        {"target": target, "lower": ["/srv/disk/theme", "/srv/disk/base"]} | more
        for target, (more, _) in mistakes.items()
    ]
    refused = run(*several)
    assert refused.code == 1
    for target, (_, said) in mistakes.items():
        assert f"lab: refused, nothing was changed: {target}: {said}" in refused.err, refused.err
    assert "Traceback" not in refused.err
    machine.succeed(f"cd {AT} && sleep 300 >/dev/null 2>&1 & :")
    busy = run({"target": AT, "present": False})
    assert busy.code == 1
    assert re.search(rf"{AT}: it is in use: process [0-9]+ .*root \(working directory\): sleep 300", busy.err)
    assert machine.succeed(STATE) == state
    machine.succeed("rm /etc/systemd/system/srv-x.mount && pkill -f '[s]leep 300'")

    # The layers are on a disk that is mounted late, and each is there after a boot.
    machine.reboot()
    assert machine.succeed(f"cat {AT}/1 {AT}/gone/new /srv/view/1") == "new\nhere\ntheme\n"
    assert machine.succeed("ls /srv/many | wc -l") == "50\n"
    assert machine.succeed(LOWERS) == before
    assert machine.succeed("systemctl list-units --failed --no-legend") == ""
    assert run(*wishes).unchanged
    machine.inventory(host.inventory, data={"overlay_mounts": wishes})
    host.is_verified()

    gone = [{"target": one["target"], "present": False} for one in wishes]
    removed = run(*gone)
    assert removed.code == 0, removed.err
    assert "its layers and the target stay as they are" in removed.err
    assert (
        machine.succeed("grep -c ' - overlay ' /proc/self/mountinfo; ls /etc/systemd/system | grep -c srv- ; :")
        == "0\n0\n"
    )
    assert machine.succeed("cat /srv/disk/upper/1") == "new\n"
    assert run(*gone).unchanged
