"""What is done to overlays, and what is refused: each mistake with the target, the value, and what to do."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostwright.base.refusal import Refusal
from hostwright.overlay.facts import Holder, HostOverlays, Mount, parse_overlay
from hostwright.overlay.plan.mounts import asked, check_busy, decide, draw
from hostwright.overlay.plan.written import LINE_MARK, MARK, escaped, unit, wanted
from hostwright.overlay.settings import FLAGS, VALUES
from hostwright.overlay.verbs import ChangeLine, Remount, RemoveUnit, Replace, Unmount, WriteUnit
from hostwright.overlay.verbs import Mount as MountVerb
from tests.unit.overlay.hosts import (
    DISK,
    ROOT,
    SITE,
    UNIT,
    done,
    host,
    kept,
    line,
    mounted,
    other,
    place,
    planned,
    wishes,
)

READ_ONLY = {"target": "/srv/o/merged", "lower": ["/srv/o/a", "/srv/o/b"]}
GONE = {"target": "/srv/o/merged", "present": False}


# -- what is done


def test_a_new_one_is_mounted_and_then_kept() -> None:
    plan = planned(host(SITE, missing=["/srv/o/u", "/srv/o/merged"]), SITE)
    assert done(plan) == [
        "/srv/o/merged: make upper /srv/o/u, with owner, mode and ACL of /srv/o/a",
        "/srv/o/merged: make the target",
        "/srv/o/merged: mount /srv/o/a, /srv/o/b, writes go to /srv/o/u",
        f"/srv/o/merged: write {UNIT}, wanted by local-fs.target",
    ]
    assert plan.steps[0].call == ("make_directory", "/srv/o/u", "/srv/o/a")
    made_of = "lowerdir=/srv/o/a:/srv/o/b,upperdir=/srv/o/u,workdir=/srv/o/w"
    assert plan.steps[2].call == ("mount_overlay", "/srv/o/merged", f"{made_of},rw", made_of, "", "yes")
    assert plan.unmounted == {}


@pytest.mark.parametrize("systemd", [252, 0])
@pytest.mark.parametrize("said", [SITE, READ_ONLY, SITE | {"options": ["ro", "nodev", "xino=on", "redirect_dir=off"]}])
def test_one_that_is_there_is_left_alone(said: dict[str, Any], systemd: int) -> None:
    found = host(said, systemd=systemd)
    assert not planned(kept(mounted(found, *wishes(said)), *wishes(said)), said).changes


ALL = [*FLAGS, *(f"{name}={value}" for name, some in VALUES.items() for value in some)]


@pytest.mark.parametrize("option", ALL)
def test_of_every_option_the_second_run_finds_it(option: str) -> None:
    said = SITE | {"options": [option], "persist": option != "volatile"}
    found = mounted(host(said), *wishes(said))
    plan = planned(kept(found, *wishes(said)) if said["persist"] else found, said)
    assert done(plan) == []


@pytest.mark.parametrize("option", ALL)
def test_of_every_option_its_absence_is_seen(option: str) -> None:
    """But for those that are the default, and xino, which has no effect on one file system."""
    said = SITE | {"options": [option], "persist": option != "volatile"}
    found = mounted(host(SITE), *wishes(SITE))
    steps = planned(found, said).steps
    same = {"relatime", "redirect_dir=off", "redirect_dir=follow", "metacopy=off", "index=off", "nfs_export=off"}
    same |= {"xino=on", "xino=off", "xino=auto", "uuid=on", "uuid=auto"}
    kinds = {type(step) for step in steps} - {WriteUnit}
    generic = {"ro", "noatime", "nodiratime", "nodev", "nosuid", "noexec"}
    assert kinds == (set() if option in same else {Remount} if option in generic else {Replace})


def test_xino_counts_where_layers_are_on_two_file_systems() -> None:
    said = SITE | {"options": ["xino=on"], "lower": ["/srv/o/a", "/srv/disk/b"]}
    found = mounted(host(said), *wishes(said))
    assert "xino off -> on" in done(planned(found, said))[0]


def test_drift_of_the_mount_is_repaired_alone() -> None:
    found = kept(host(SITE), *wishes(SITE))
    drifted = mounted(found, *wishes(SITE | {"lower": ["/srv/o/b", "/srv/o/a"]}))
    assert done(planned(drifted, SITE)) == [
        "/srv/o/merged: unmount it, and mount it anew: lower /srv/o/b, /srv/o/a -> /srv/o/a, /srv/o/b"
    ]
    nodev = mounted(found, *wishes(SITE | {"options": ["nodev"]}))
    plan = planned(nodev, SITE)
    assert done(plan) == ["/srv/o/merged: remount it: no nodev"]
    assert plan.steps[0].call == ("remount_overlay", "/srv/o/merged", "rw,relatime")


@pytest.mark.parametrize(
    "drift",
    [
        {"text": "x", "said": "correct"},
        {"wants": (), "said": "correct"},
        {"wants": ("/etc/systemd/system/remote-fs.target.wants/" + UNIT,), "said": "correct"},
        {"text": None, "wants": (), "said": "write"},
    ],
)
def test_drift_of_the_unit_is_repaired_alone(drift: dict[str, Any]) -> None:
    found = kept(mounted(host(SITE), *wishes(SITE)), *wishes(SITE))
    said = drift.pop("said") if "said" in drift else ""
    if drift.get("text"):
        drift = {"text": f"{MARK}\n[Mount]\n"}
    units = {"/srv/o/merged": replace(found.units["/srv/o/merged"], **drift)}
    plan = planned(replace(found, units=units), SITE)
    assert done(plan) == [f"/srv/o/merged: {said} {UNIT}, wanted by local-fs.target"]


def test_one_the_kernel_made_read_only_is_mounted_anew() -> None:
    found = kept(mounted(host(SITE), *wishes(SITE), read_only=True), *wishes(SITE))
    assert done(planned(found, SITE)) == ["/srv/o/merged: unmount it, and mount it anew: the kernel made it read-only"]
    # Who mounted it so can have it writable by a remount.
    found = kept(mounted(host(SITE), *wishes(SITE | {"options": ["ro"]})), *wishes(SITE))
    assert done(planned(found, SITE)) == ["/srv/o/merged: remount it: no ro"]


def test_removed_it_leaves_its_layers() -> None:
    found = kept(mounted(host(SITE), *wishes(SITE)), *wishes(SITE))
    plan = planned(found, GONE)
    assert [type(step) for step in plan.steps] == [Unmount, RemoveUnit]
    assert plan.unmounted == {"/srv/o/merged": "/srv/o/merged"}
    assert plan.notes == ("/srv/o/merged: its layers and the target stay as they are",)
    assert not planned(host(GONE), GONE).changes


def test_without_persist_the_unit_goes_and_the_mount_stays() -> None:
    found = kept(mounted(host(SITE), *wishes(SITE)), *wishes(SITE))
    assert [type(step) for step in planned(found, SITE | {"persist": False}).steps] == [RemoveUnit]


def test_a_line_of_fstab_is_corrected_and_taken_away() -> None:
    found = host(SITE, systemd=0)
    old = kept(mounted(found, *wishes(SITE)), *wishes(SITE | {"options": ["nodev"]}))
    [step] = planned(old, SITE).steps
    assert isinstance(step, ChangeLine)
    assert step.old == old.fstab[0].text
    assert step.new == (
        "overlay /srv/o/merged overlay "
        f"lowerdir=/srv/o/a:/srv/o/b,upperdir=/srv/o/u,workdir=/srv/o/w,rw,nofail,{LINE_MARK} 0 0"
    )
    [step] = planned(old, SITE | {"persist": False}).steps
    assert step.call == ("change_line", old.fstab[0].text, "")


def test_what_a_run_left_beside_fstab_is_cleared_away() -> None:
    found = kept(mounted(host(SITE), *wishes(SITE)), *wishes(SITE))
    plan = planned(replace(found, leftovers=("/etc/fstab.hostwright-old",)), SITE)
    assert [step.call for step in plan.steps] == [("tidy_fstab",)]


def test_links_are_followed_before_anything_is_compared() -> None:
    said = SITE | {"lower": ["/srv/link", "/srv/o/b"]}
    found = host(said)
    found = replace(found, places={**found.places, "/srv/link": place(found, "/srv/o/a")})
    there = mounted(replace(found, places={**found.places, "/srv/o/a": place(found, "/srv/o/a")}), *wishes(SITE))
    assert done(planned(there, said)) == [f"/srv/o/merged: write {UNIT}, wanted by local-fs.target"]


def test_the_target_may_be_one_of_its_lowers() -> None:
    said = {"target": "/srv/o/a", "lower": ["/srv/o/a"], "upper": "/srv/o/u", "work": "/srv/o/w"}
    found = host(said, entries={"/srv/o/a": ("x", "y")})
    assert [type(step) for step in planned(found, said).steps] == [MountVerb, WriteUnit]
    assert not planned(kept(mounted(found, *wishes(said)), *wishes(said)), said).changes


def test_one_may_be_the_lower_of_the_next() -> None:
    upper = {"target": "/srv/p", "lower": ["/srv/o/merged", "/srv/c"]}
    found = host(SITE, upper, missing=["/srv/o/merged"])
    assert len(planned(found, SITE, upper).steps) == 5
    said = "/srv/p: lower /srv/o/merged is in the overlay on /srv/o/merged, which comes after it in this run: write"
    with pytest.raises(Refusal, match=said):
        planned(found, upper, SITE)
    with pytest.raises(Refusal, match="/srv/p: lower /srv/o/merged is not there"):
        planned(found, upper)


def test_a_layer_goes_from_one_to_the_next_in_one_run() -> None:
    new = SITE | {"target": "/srv/new"}
    found = kept(mounted(host(SITE, new), *wishes(SITE)), *wishes(SITE))
    assert len(planned(found, GONE, new).steps) == 4
    with pytest.raises(Refusal, match="/srv/new: upper /srv/o/u is upper /srv/o/u of the overlay on /srv/o/merged"):
        planned(found, new)


def test_layers_on_the_network_wait_for_it() -> None:
    said = SITE | {"lower": ["/srv/net/a"]}
    nfs = Mount("3", "1", "0:50", "/srv/net", "nfs4", "far:/x", read_only=False)
    found = host(said, systemd=252)
    found = replace(found, mounts=(*found.mounts, nfs))
    step = planned(found, said).steps[-1]
    assert isinstance(step, WriteUnit)
    assert step.wanted_by == "remote-fs.target"
    assert "\nOptions=_netdev,lowerdir=" in step.text
    assert "\nWantedBy=remote-fs.target\n" in step.text


def test_what_is_made_of_an_overlay_on_the_network_waits_for_it_too() -> None:
    first, second = SITE | {"lower": ["/srv/net/a"]}, {"target": "/srv/p", "lower": ["/srv/o/merged", "/srv/c"]}
    nfs = Mount("3", "1", "0:50", "/srv/net", "nfs4", "far:/x", read_only=False)
    found = host(first, second)
    found = replace(found, mounts=(*found.mounts, nfs))
    both = [step.wanted_by for step in planned(found, first, second).steps if isinstance(step, WriteUnit)]
    assert both == ["remote-fs.target", "remote-fs.target"]
    # Once that is mounted, also for itself.
    there = mounted(found, *wishes(first))
    assert [step.wanted_by for step in planned(there, second).steps if isinstance(step, WriteUnit)] == both[:1]


def test_the_unit_as_systemd_reads_it() -> None:
    odd = {"target": "/srv/m %h", "lower": ["/srv/a:b", "/srv/c,d", "/srv/e\\f"], "upper": "/srv/ü", "work": "/srv/-w"}
    found = host(odd)
    [wish] = wishes(odd)
    text = unit(wanted(found, wish))
    assert text.startswith(f"{MARK}\n")
    assert "\nWhere=/srv/m %%h\n" in text
    assert '\nRequiresMountsFor="/srv/e\\\\f"\n' in text
    assert "\nOptions=lowerdir=/srv/a\\:b:/srv/c\\,d:/srv/e\\\\\\\\f,upperdir=/srv/ü,workdir=/srv/-w,rw\n" in text


# -- what is refused


def with_place(path: str, **more: Any) -> Callable[[HostOverlays], HostOverlays]:
    return lambda found: replace(found, places={**found.places, path: replace(found.places[path], **more)})


def on(kind: str, **more: Any) -> Callable[[HostOverlays], HostOverlays]:
    """All of it is on such a file system."""
    return lambda found: replace(found, mounts=(replace(ROOT, kind=kind, **more), DISK))


def with_mount(*mounts: Mount) -> Callable[[HostOverlays], HostOverlays]:
    return lambda found: replace(found, mounts=(*found.mounts, *mounts))


def with_fstab(text: str) -> Callable[[HostOverlays], HostOverlays]:
    return lambda found: replace(found, fstab=(line(text),))


def with_unit(**more: Any) -> Callable[[HostOverlays], HostOverlays]:
    return lambda found: replace(found, units={"/srv/o/merged": replace(found.units["/srv/o/merged"], **more)})


def running(said: dict[str, Any], **more: Any) -> Callable[[HostOverlays], HostOverlays]:
    return lambda found: mounted(found, *wishes(said), **more)


def more(**about: Any) -> Callable[[HostOverlays], HostOverlays]:
    return lambda found: replace(found, **about)


U = "/srv/o/u"
LONG = [f"/srv/{number:04d}-{'x' * 60}" for number in range(70)]
BIND = Mount("5", "1", "254:0", "/srv/o/w", "ext4", "/dev/vda", read_only=False)
TWICE = Mount("6", "90", "0:41", "/srv/o/merged", "overlay", "overlay", read_only=False)
REFUSED: dict[str, tuple[dict[str, Any], Callable[[HostOverlays], HostOverlays], str]] = {
    "a work directory with entries": (
        {},
        more(strangers={"/srv/o/w": ("a.txt",)}),
        "/srv/o/merged: work /srv/o/w holds a.txt: it must be empty but for its own work and index; name an empty "
        "directory beside upper",
    ),
    "work/work with entries": ({}, more(strangers={"/srv/o/w": ("work/a",)}), "work /srv/o/w holds work/a: it must"),
    "upper inside a lower": ({"upper": "/srv/o/a/u"}, more(), "upper /srv/o/a/u is in lower /srv/o/a: name direc"),
    "work inside a lower": ({"work": "/srv/o/b/w"}, more(), "work /srv/o/b/w is in lower /srv/o/b: name direc"),
    "a lower inside upper": ({"lower": "/srv/o/u/a"}, more(), "lower /srv/o/u/a is in upper /srv/o/u: name direc"),
    "upper is a lower": ({"upper": "/srv/o/a"}, more(), "upper /srv/o/a is in lower /srv/o/a: name directories"),
    "work in upper": ({"work": "/srv/o/u/w"}, more(), "work /srv/o/u/w is in upper /srv/o/u: name directories"),
    "upper in work": ({"upper": "/srv/o/w/u"}, more(), "upper /srv/o/w/u is in work /srv/o/w: name directories"),
    "target in upper": ({"target": "/srv/o/u/m"}, more(), "target /srv/o/u/m is in upper /srv/o/u: name direct"),
    "upper in target": ({"upper": "/srv/o/merged/u"}, more(), "upper /srv/o/merged/u is in target /srv/o/merged: "),
    "work is upper": ({"work": U}, more(), "upper is work /srv/o/u: name directories beside each other"),
    "target is work": ({"work": "/srv/o/merged"}, more(), "target is work /srv/o/merged: name directories"),
    "a lower in the target": ({"lower": "/srv/o/merged/a"}, more(), "is in the target /srv/o/merged, which hides it: "),
    "a lower twice, by a link": (
        {"lower": ["/srv/o/a", "/srv/o/link"]},
        lambda found: with_place("/srv/o/link", **vars(found.places["/srv/o/a"]))(found),
        "lower /srv/o/a is named twice: name it once",
    ),
    "a lower in another": (
        {"lower": ["/srv/o", "/srv/o/b"]},
        more(),
        "lower /srv/o/b is inside lower /srv/o: name one",
    ),
    "a lower that is missing": ({}, with_place("/srv/o/b", above="/srv"), "lower /srv/o/b is not there: make it"),
    "a lower that is a file": (
        {},
        with_place("/srv/o/b", kind="regular file"),
        "lower /srv/o/b is no directory (regular file): name one",
    ),
    "an upper that is a file": ({}, with_place(U, kind="regular file"), "upper /srv/o/u is no directory"),
    "a target that is a file": ({}, with_place("/srv/o/merged", kind="socket"), "target /srv/o/merged is no directory"),
    "upper and work on two mounts": (
        {},
        with_mount(BIND),
        "upper /srv/o/u and work /srv/o/w are on two mounts (/ and /srv/o/w): name a work directory beside /srv/o/u",
    ),
    "upper and work on two subvolumes": ({}, with_place("/srv/o/w", identity="9:9"), "are on two mounts (/ and /): "),
    "an upper of another overlay": (
        {},
        more(overlays=(other("/srv/x", U, "/srv/xw"),)),
        "upper /srv/o/u is upper /srv/o/u of the overlay on /srv/x: name another directory, or unmount that",
    ),
    "a work of another overlay": (
        {},
        more(overlays=(other("/srv/x", "/srv/xu", "/srv/o/w"),)),
        "work /srv/o/w is work /srv/o/w of the overlay on /srv/x: ",
    ),
    "a lower that another overlay writes to": (
        {},
        more(overlays=(other("/srv/x", "/srv/o/b", "/srv/xw"),)),
        "lower /srv/o/b is upper /srv/o/b of the overlay on /srv/x: ",
    ),
    "a lower within what another overlay writes to": (
        {},
        more(overlays=(other("/srv/x", "/srv/o", "/srv/xw"),)),
        "lower /srv/o/a is upper /srv/o of the overlay on /srv/x: ",
    ),
    "an upper of an overlay that lives on elsewhere": (
        {},
        lambda found: replace(
            found,
            others=(other("/m", U, "/", space="process 77", identities={U: found.places[U].identity}),),
        ),
        "upper /srv/o/u is upper /srv/o/u of the overlay on /m in the mount namespace of process 77: name another",
    ),
    "a lower that an overlay elsewhere writes to by another path": (
        {},
        lambda found: replace(
            found,
            others=(
                other("/m", "/in/u", "/", space="process 77", identities={"/in/u": found.places["/srv/o/b"].identity}),
            ),
        ),
        "lower /srv/o/b is upper /in/u of the overlay on /m in the mount namespace of process 77: name another",
    ),
    "an upper on NFS": ({}, on("nfs4"), "upper /srv/o/u is on nfs4, which overlays cannot write to: name one on ext2"),
    "an upper on an overlay": ({}, on("overlay"), "upper /srv/o/u is on overlay, which overlays cannot write to"),
    "an upper on tmpfs": ({}, on("tmpfs"), "on tmpfs, which a boot empties: name one on a disk, or say persist: false"),
    "an upper on XFS without ftype": (
        {"upper": "/srv/disk/u", "work": "/srv/disk/w"},
        more(ftype={"/srv/disk": "0"}),
        "upper /srv/disk/u is on XFS with ftype=0, and overlays need 1: name one",
    ),
    "an upper on XFS that does not tell": (
        {"upper": "/srv/disk/u", "work": "/srv/disk/w"},
        more(ftype={"/srv/disk": "unknown"}),
        "upper /srv/disk/u is on XFS with ftype=unknown, and overlays need 1: install xfsprogs",
    ),
    "an upper that is read-only": (
        {},
        on("ext4", read_only=True),
        "upper /srv/o/u is on /, which is mounted read-only",
    ),
    "an upper that is full": (
        {},
        with_place(U, free=8192),
        "upper /srv/o/u is on /, which is full (8 KiB left), and the overlay would be read-only: make room on /",
    ),
    "an upper without inodes": ({}, with_place(U, inodes=0), "which is full (0 inodes left), and the overlay would be"),
    "a layer below what is not mounted": (
        {"lower": "/srv/far/a"},
        with_fstab("/dev/vdc /srv/far ext4 defaults 0 0"),
        "/srv/far/a is below /srv/far, which /etc/fstab mounts, and which is not mounted: mount /srv/far first",
    ),
    "a layer in an overlay of ours that is not mounted": (
        {"lower": "/srv/other/a"},
        with_fstab(f"overlay /srv/other overlay lowerdir=/a:/b,nofail,{LINE_MARK} 0 0"),
        "/srv/other/a is below /srv/other, which /etc/fstab mounts, and which is not mounted: mount /srv/other first",
    ),
    "a target with entries": (
        {},
        more(entries={"/srv/o/merged": ("x", "y")}),
        "/srv/o/merged: it holds x, y, which the overlay would hide: name an empty directory, or say /srv/o/merged as",
    ),
    "a target that something else is mounted on": (
        {},
        with_mount(replace(BIND, point="/srv/o/merged", kind="ext4", source="/dev/vdc")),
        "/srv/o/merged: something else is mounted there: /dev/vdc (ext4): unmount it, with its line in /etc/fstab",
    ),
    "a second overlay on the target": (
        {},
        lambda found: with_mount(TWICE)(running(SITE)(found)),
        "2 overlays are mounted there, one over the other: unmount the upper ones: umount /srv/o/merged",
    ),
    "a line of fstab that is not ours": (
        {},
        with_fstab("overlay /srv/o/merged overlay lowerdir=/a:/b 0 0"),
        "/etc/fstab has a line for it that is not ours: overlay /srv/o/merged overlay lowerdir=/a:/b 0 0: take that",
    ),
    "a unit that is not ours": (
        {},
        with_unit(text="[Mount]\n"),
        f"/etc/systemd/system/{UNIT} mounts it, and is not ours: move it away: mv /etc/systemd/system/{UNIT} /root",
    ),
    "a unit in another place": ({}, with_unit(elsewhere="/usr/lib/x.mount"), "/usr/lib/x.mount mounts it, and is not"),
    "a target of Docker": (
        {"target": "/var/lib/docker/overlay2/x/merged"},
        more(),
        "it is below /var/lib/docker, where a container engine has its own overlays: name a target elsewhere",
    ),
    "a target of Docker that was told another place": (
        {},
        more(engines=("/srv/o",)),
        "it is below /srv/o, where a con",
    ),
    "a target of Podman": ({"target": "/var/lib/containers/m"}, more(), "it is below /var/lib/containers, where"),
    "a target of containerd": ({"target": "/run/containerd/m"}, more(), "it is below /run/containerd, where"),
    "a target of a user's own": ({"target": "/home/b/.local/share/containers/m"}, more(), "/.local/share/containers"),
    "index=on over an upper of other lowers": (
        {"options": "index=on"},
        more(origins={U: 5}),
        "upper /srv/o/u was mounted under index=on with another first lower than /srv/o/a, and the kernel takes no",
    ),
    "what the module makes of index": (
        {},
        more(origins={U: 5}, parameters={"index": "Y"}),
        "upper /srv/o/u was mounted under index=on with another first lower than /srv/o/a",
    ),
    "an upper that was volatile": (
        {},
        more(strangers={"/srv/o/w": ("work/incompat/volatile",)}),
        "upper /srv/o/u was mounted as volatile, and the kernel does not mount it again: look whether it is whole, "
        "then rm -r /srv/o/w/work/incompat/volatile",
    ),
    "too long for the kernel": (
        {"lower": LONG},
        more(),
        "its layers and options have 5013 bytes, and this kernel takes 4095 (70 lower layers): name fewer layers",
    ),
    "too many for the kernel": (
        {"lower": [f"/{n}" for n in range(501)]},
        more(),
        "501 lower layers, and this kernel ta",
    ),
    "too long for fstab": (
        {"lower": LONG[:5]},
        more(systemd=0, units={}, util_linux=(2, 41)),
        "its lower layers have 354 bytes, and mount takes 255 of a line of fstab: name fewer layers",
    ),
    "too long for old systemd": (
        {"lower": LONG[:40]},
        more(systemd=219),
        "would have a line of 2894 bytes, and systemd",
    ),
    "a comma and old systemd": (
        {"lower": "/srv/a,b"},
        more(systemd=219),
        "systemd 219 takes no backslash and no comma",
    ),
    "a target that ends in a blank": ({"target": "/srv/m "}, more(), "its last letter is a blank or a backslash"),
    "one with relative paths": (
        {},
        lambda found: replace(
            running(SITE | {"lower": "/srv/o/b"})(found),
            overlays=(replace(running(SITE)(found).overlays[0], lowers=("b",)),),
        ),
        "the overlay there was mounted with a relative path (b), and could not come back: unmount it first: umount",
    ),
    "one with more options than could come back": (
        {},
        lambda found: replace(
            running(SITE | {"lower": "/srv/o/b"})(found),
            overlays=(replace(running(SITE)(found).overlays[0], lowers=tuple(LONG)),),
        ),
        "the overlay there has 5025 bytes of options, and could not come back (4095 at most): unmount it first: umount",
    ),
    "who is not root": (
        {},
        more(user="eve", root=False),
        "overlay_mounts: eve is not root, and may not mount: let pyinf",
    ),
    "an answer that lacks a path": (
        {},
        lambda found: replace(found, places={path: found.places[path] for path in found.places if path != "/srv/o/b"}),
        "overlay_mounts: the host did not tell what /srv/o/b is: run again",
    ),
    "a kernel without overlays": (
        {},
        more(supported=False),
        "overlay_mounts: this kernel (6.1.0) has no overlay: boot",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(name: str) -> None:
    change, about, said = REFUSED[name]
    wish = SITE | change
    found = host(SITE, wish)
    # The same host without that is not refused, but for what is wrong in the wish itself.
    assert planned(host(SITE), SITE).changes
    with pytest.raises(Refusal) as refused:
        planned(about(found), wish)
    assert said in str(refused.value)
    assert all(one.remedy for one in refused.value.each)
    assert str(refused.value.each[0]).startswith(f"{wish['target']}: " if "overlay_mounts" not in said else "overlay_")


def test_several_mistakes_are_told_together() -> None:
    found = more(entries={"/srv/o/merged": ("x",)}, strangers={"/srv/o/w": ("y",)})(host(SITE))
    with pytest.raises(Refusal) as refused:
        planned(found, SITE)
    assert len(refused.value.each) == 2


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": "/srv/o/merged"}, "/srv/o/merged: two overlays have this target (/srv/o/merged): name each"),
        (
            {"work": "/srv/w2"},
            "/srv/2: upper /srv/o/u is upper of the overlay on /srv/o/merged: name another directory",
        ),
        ({"upper": "/srv/u2"}, "/srv/2: work /srv/o/w is work of the overlay on /srv/o/merged: name another directory"),
        ({"lower": U, "upper": "/srv/u2", "work": "/srv/w2"}, "/srv/2: lower /srv/o/u is upper of the overlay on"),
        ({"lower": "/srv/c", "upper": "/srv/o/b", "work": "/srv/w2"}, "merged: lower /srv/o/b is upper of the overlay"),
    ],
)
def test_two_of_one_run_share_nothing_that_is_written(change: dict[str, Any], said: str) -> None:
    second = SITE | {"target": "/srv/2"} | change
    with pytest.raises(Refusal, match=re.escape(said)):
        planned(host(SITE, second), SITE, second)


def test_of_absent_ones_only_the_target_counts() -> None:
    found = more(strangers={"/srv/o/w": ("x",)})(host(SITE | {"present": False}))
    assert not planned(found, SITE | {"present": False}).changes
    mount = replace(BIND, point="/srv/o/merged", kind="ext4", source="/dev/vdc")
    with pytest.raises(Refusal, match="something else is mounted there: /dev/vdc"):
        planned(with_mount(mount)(host(GONE)), GONE)


def test_a_layer_of_another_one_is_not_unmounted() -> None:
    view = {"target": "/srv/view", "lower": ["/srv/o/merged", "/srv/c"]}
    found = mounted(host(SITE, view), *wishes(SITE, view))
    said = "/srv/o/merged: it is a layer of the overlay on /srv/view, and is to be unmounted: unmount /srv/view first"
    for change in (GONE, SITE | {"lower": "/srv/o/b"}):
        with pytest.raises(Refusal, match=said):
            planned(replace(found, places=host(SITE, view, change).places), change)
    # A remount touches nobody, and one that goes before it in this run is none.
    assert planned(found, SITE | {"options": "nodev"}).changes
    assert len(planned(found, view | {"present": False}, GONE).steps) == 2


def test_one_on_a_full_disk_is_not_mounted_anew() -> None:
    found = with_place(U, free=0)(kept(mounted(host(SITE), *wishes(SITE)), *wishes(SITE)))
    assert not planned(found, SITE).changes
    assert planned(found, SITE | {"options": "nodev"}).changes
    with pytest.raises(Refusal, match="which is full"):
        planned(found, SITE | {"options": "index=on"})


def test_who_uses_it_is_named() -> None:
    found = kept(mounted(host(SITE), *wishes(SITE)), *wishes(SITE))
    plan = planned(found, GONE)
    process = Holder("process", "12", "bob", "web.service", "open file", "/usr/bin/web x ")
    with pytest.raises(Refusal) as refused:
        check_busy(plan, {"/srv/o/merged": [process, Holder("mount", "/srv/o/merged/sub")]})
    assert str(refused.value) == (
        "/srv/o/merged: it is in use: process 12 of web.service, bob (open file): /usr/bin/web x; mount "
        "/srv/o/merged/sub: end or stop these, or let them leave it, and run again"
    )
    check_busy(plan, {"/srv/o/merged": []})


def test_a_plan_is_drawn_within_a_line() -> None:
    text = draw("lab", planned(host(SITE | {"lower": LONG[:20]}), SITE | {"lower": LONG[:20]}))
    assert text.splitlines()[0] == "lab: overlay mounts"
    assert max(map(len, text.splitlines())) <= 120


# -- properties

# None of them is in another one.
LETTERS = st.text(st.sampled_from("ab :,\\%'#=ü-$()"), min_size=1, max_size=8).filter(lambda text: text.strip(" \\"))
PATHS = st.builds(
    lambda parts: "/srv/" + "/".join(f"d{part}e" for part in parts), st.lists(LETTERS, min_size=2, max_size=2)
)


@given(st.lists(PATHS, min_size=2, max_size=6, unique=True), st.booleans())
def test_what_the_kernel_shows_of_any_paths_is_what_was_wished(paths: list[str], write: bool) -> None:
    said = {"target": "/mnt/m", "lower": paths} | ({"upper": "/u/u,:\\ x", "work": "/u/w,:\\ x"} if write else {})
    found = host(said)
    [wish] = wishes(said)
    there = mounted(found, wish).overlays[0]
    assert there.lowers == tuple(paths)
    assert there.upper == said.get("upper", "")
    found = kept(mounted(found, wish), wish)
    assert not decide(found, [wish]).changes


@given(PATHS)
def test_a_path_comes_back_from_the_kernel(path: str) -> None:
    octal = "".join(f"\\{ord(letter):03o}" if letter in "\\ ,#" else letter for letter in escaped(path))
    there = parse_overlay(f"1 0 0:1 / /m rw - overlay overlay ro,lowerdir={octal}:/x")
    assert there is not None
    assert there.lowers == (path, "/x")


def test_layers_given_one_by_one_are_taken_as_they_are() -> None:
    there = parse_overlay(r"1 0 0:1 / /m rw - overlay overlay ro,lowerdir+=/a:b,lowerdir+=/c\134d,datadir+=/e")
    assert there is not None
    assert there.lowers == ("/a:b", "/c\\d", "/e")


def test_what_is_looked_at_is_all_that_is_named() -> None:
    assert asked(wishes(SITE | {"options": "index=on"})) == {
        "targets": "/srv/o/merged",
        "lowers": "/srv/o/a\n/srv/o/b",
        "uppers": "/srv/o/u",
        "works": "/srv/o/w",
        "indexed": "/srv/o/u",
    }
