"""What the kernel makes of it: real overlays, in a mount namespace of the test's own, without systemd."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hostwright.base.refusal import Refusal
from hostwright.base.verbs import Verb
from hostwright.overlay.plan.mounts import OverlayPlan
from hostwright.overlay.settings import FLAGS, VALUES
from hostwright.overlay.verbs import Mount, RemoveUnit, Replace, WriteUnit
from hostwright.overlay.verify import Overlay
from tests.unit.overlay.namespace import Namespace

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts overlays")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Namespace]:
    made = Namespace(tmp_path / "n")
    try:
        made.sh("mkdir a b && echo a >a/x && echo b >b/x && echo b >b/y")
        yield made
    finally:
        made.close()


def site(here: Namespace, **more: Any) -> dict[str, Any]:
    at = here.disk
    return {"target": f"{at}/m", "lower": [f"{at}/a", f"{at}/b"], "upper": f"{at}/u", "work": f"{at}/w"} | more


def test_it_is_mounted_kept_changed_and_removed(here: Namespace) -> None:
    here.sh("chown 7:8 a && chmod 2750 a")
    said = site(here)
    assert len(here.deploy(said)) == 5
    assert here.sh("cat m/x m/y; stat -c '%u %g %a' u m") == "a\nb\n7 8 2750\n7 8 2750\n"
    here.sh("echo new >m/new; rm m/y; mv m/x m/z")
    assert here.sh("cat a/x b/y; ls a b") == "a\nb\na:\nx\n\nb:\nx\ny\n"
    # As a boot does it.
    here.sh("umount m && mount -a -t overlay && cat m/new m/z && [ ! -e m/y ]")
    assert not here.plan(said).changes

    assert here.deploy(site(here, options=["nodev", "noatime"])) == [
        f"{here.disk}/m: remount it: noatime, no relatime, nodev",
        f"{here.disk}/m: correct its line in /etc/fstab",
    ]
    assert here.deploy(site(here, lower=f"{here.disk}/b"))[0].startswith(
        f"{here.disk}/m: unmount it, and mount it anew"
    )
    here.sh("[ ! -e m/x ] && cat m/new && umount m && mount -a -t overlay && [ -e m/new ]")
    said = {"target": f"{here.disk}/m", "present": False}
    assert here.deploy(said) == [f"{here.disk}/m: unmount it", f"{here.disk}/m: take its line from /etc/fstab"]
    assert here.sh("cat u/new /etc/fstab; ls -d m") == "new\n# nothing\nm\n"


# u::rwx,u:9:r-x,g::r-x,m::r-x,o::---, as the kernel keeps it (struct posix_acl_xattr_header).
ACL = "0x02000000" + "".join(
    f"{tag:02x}00{may:02x}00{who}"
    for tag, may, who in (
        *((1, 7, "ffffffff"), (2, 5, "09000000"), (4, 5, "ffffffff")),
        *((16, 5, "ffffffff"), (32, 0, "ffffffff")),
    )
)


@pytest.mark.skipif(shutil.which("setfattr") is None, reason="setfattr is not there")
def test_an_upper_that_is_made_has_the_acls_of_the_first_lower(here: Namespace) -> None:
    here.sh(f"for kind in access default; do setfattr -n system.posix_acl_$kind -v {ACL} a; done")
    here.deploy(site(here))
    shown = "getfattr -d -m '^system.posix_acl' -e hex {} | grep ="
    assert here.sh(shown.format("u")) == here.sh(shown.format("a"))
    assert here.sh(shown.format("m")).count(ACL) == 2


ODD = ["bl ank", "co:lon", "com,ma", "back\\slash", "per%cent", "quo'te", "ha#sh", "eq=ual", "umläut", "-a", "dol$lar"]


def test_any_path_is_mounted_found_and_mounted_by_fstab(here: Namespace) -> None:
    names = [f"{here.disk}/l/{name}" for name in ODD]
    here.sh(f'mkdir l && cd l && mkdir -- {shlex.join(ODD)} && for d in ./*; do echo "$d" >"$d/$d"; done')
    where = {kind: f"{here.disk}/{kind} :,\\%'#=ü-" for kind in ("target", "upper", "work")}
    # mount(8) reads a backslash in fstab; the mountpoint and layers come back as they were.
    here.deploy(site(here, lower=names, **where))
    target = shlex.quote(where["target"])
    assert here.sh(f"ls -A {target} | wc -l") == f"{len(ODD)}\n"
    here.sh(f"umount {target} && mount -a -t overlay && [ -e {target}/-a ]")
    assert not here.plan(site(here, lower=names, **where)).changes


def test_fifty_layers_of_sixty_bytes(here: Namespace) -> None:
    short = [f"/run/ov{os.getpid()}/{n:02d}-".ljust(60, "x") for n in range(50)]
    here.sh(f"mount -t tmpfs none /run && mkdir -p {shlex.join(short)}")
    here.deploy(site(here, lower=short, persist=False))
    here.deploy(site(here, lower=short[::-1], persist=False))


@pytest.mark.parametrize("option", [*FLAGS, *(f"{name}={value}" for name, some in VALUES.items() for value in some)])
def test_every_option_is_taken_and_found_again(here: Namespace, option: str) -> None:
    here.deploy(site(here, options=[option], persist=False))
    here.deploy(site(here, persist=False))


def test_without_upper_every_option_that_can_be_is_found_again(here: Namespace) -> None:
    said = {"target": f"{here.disk}/m", "lower": [f"{here.disk}/a", f"{here.disk}/b"], "persist": False}
    here.deploy(said)
    for option in ("ro", "noatime", "nodev", "userxattr", "redirect_dir=follow", "redirect_dir=on", "redirect_dir=off"):
        here.deploy(said | {"options": [option]})


def test_the_target_may_be_its_lower(here: Namespace) -> None:
    said = site(here, target=f"{here.disk}/a", lower=f"{here.disk}/a", options=["index=on", "xino=on"])
    here.deploy(said)
    here.sh("echo new >a/x && umount a && cat a/x | grep -qx a && mount -a -t overlay && grep -qx new a/x")
    assert not here.plan(said).changes


def test_links_lead_where_they_lead(here: Namespace) -> None:
    here.sh("mkdir real && ln -s real link && mv a b real")
    said = site(here, lower=[f"{here.disk}/link/a", f"{here.disk}/link/b"])
    here.deploy(said)
    assert f"lowerdir={here.disk}/real/a:{here.disk}/real/b," in here.sh("cat /etc/fstab")
    # By hand, through the link: the same layers.
    here.sh("umount m && mount -t overlay o -o lowerdir=link/../link/a:$PWD/link/b,upperdir=$PWD/u,workdir=$PWD/w m")
    with pytest.raises(Refusal, match="was mounted with a relative path"):
        here.plan(said)
    here.sh("umount m && mount -t overlay o -o lowerdir=$PWD/link/a:$PWD/link/b,upperdir=$PWD/u,workdir=$PWD/w m")
    assert not here.plan(said).changes


class Seen:
    """What testinfra has for those who verify."""

    def __init__(self, here: Namespace) -> None:
        self.run, self.check_output = here.answer, here.check_output


def test_who_verifies_sees_it(here: Namespace) -> None:
    here.deploy(site(here, options=["noatime", "index=on"], lower=[f"{here.disk}/a", f"{here.disk}/b"]))
    at, there = here.disk, Overlay(Seen(here), f"{here.disk}/./m")
    assert there.exists
    assert there.is_persistent
    assert not there.is_read_only
    assert (there.lower, there.upper, there.work) == ((f"{at}/a", f"{at}/b"), f"{at}/u", f"{at}/w")
    assert there.options.items() >= {"noatime": "", "index": "on"}.items()
    here.deploy({"target": f"{at}/m", "lower": [f"{at}/a", f"{at}/b"], "persist": False})
    assert (there.upper, there.is_read_only, there.is_persistent) == ("", True, False)
    here.deploy({"target": f"{at}/m", "present": False})
    assert not there.exists
    with pytest.raises(AssertionError, match=r"no overlay is mounted on .*/m"):
        assert there.lower


# -- refused, each as the host shows it


def refused(here: Namespace, said: dict[str, Any], why: str) -> None:
    before = here.sh("cat /etc/fstab; ls -lAR; grep -v '^[0-9]* [0-9]* 0:[0-9]* / /proc' /proc/self/mountinfo")
    with pytest.raises(Refusal, match=why):
        here.plan(said)
    after = here.sh("cat /etc/fstab; ls -lAR; grep -v '^[0-9]* [0-9]* 0:[0-9]* / /proc' /proc/self/mountinfo")
    assert after == before


def test_what_the_kernel_would_take_in_silence(here: Namespace) -> None:
    at = here.disk
    here.sh("mkdir -p u w/work c d e && echo mine >w/work/data && touch w/a.txt")
    refused(here, site(here), f"work {at}/w holds a.txt, work/data: it must be empty but for its own work and index")
    here.sh("rm w/a.txt w/work/data && touch 'w/work/#1f' && mkdir w/index && touch w/index/00fb21")
    assert here.plan(site(here)).changes
    refused(here, site(here, upper=f"{at}/a/u"), f"upper {at}/a/u is in lower {at}/a")
    refused(here, site(here, work=f"{at}/b/w"), f"work {at}/b/w is in lower {at}/b")
    here.sh("mount -t overlay overlay -o lowerdir=$PWD/c:$PWD/d,upperdir=$PWD/u,workdir=$PWD/w e")
    refused(here, site(here, work=f"{at}/w2"), f"upper {at}/u is upper {at}/u of the overlay on {at}/e")
    refused(here, site(here, upper=f"{at}/u2"), f"work {at}/w is work {at}/w of the overlay on {at}/e")
    refused(
        here, site(here, lower=f"{at}/u", upper=f"{at}/u2", work=f"{at}/w2"), f"lower {at}/u is upper {at}/u of the"
    )
    here.sh("mount -t overlay overlay -o lowerdir=$PWD/a:$PWD/b e")
    refused(here, site(here, target=f"{at}/e"), "2 overlays are mounted there, one over the other")


def test_one_that_lives_on_in_another_namespace(here: Namespace) -> None:
    here.deploy(site(here))
    [pid] = here.sh("unshare -m sleep 60 >/dev/null 2>&1 & echo $!; sleep 0.3").split()
    try:
        gone = {"target": f"{here.disk}/m", "present": False}
        refused(here, gone, f"it is in use: process {pid}, root .*mount namespace")
        here.sh("umount m && sed -i /overlay/d /etc/fstab")
        refused(
            here, site(here), f"upper {here.disk}/u is upper {here.disk}/u of the overlay on {here.disk}/m in the mou"
        )
    finally:
        here.sh(f"kill {pid}")


def test_one_that_a_file_keeps_alive(here: Namespace) -> None:
    here.deploy(site(here))
    here.sh("mkdir $PWD/ns && mount -t tmpfs none ns && mount --make-private ns && touch ns/kept")
    # Newer kernels count namespaces by processor, and one can be kept by an older one only.
    kept = "taskset -c $((try % $(nproc))) unshare --mount=$PWD/ns/kept true 2>/dev/null"
    here.sh(f"for try in 0 1 2 3 4 5 6 7; do {kept} && break; done")
    here.sh("umount m && sed -i /overlay/d /etc/fstab")
    refused(here, site(here), f"of the overlay on {here.disk}/m in the mount namespace of {here.disk}/ns/kept")
    here.sh("umount ns/kept")


def test_who_is_in_it(here: Namespace) -> None:
    here.deploy(site(here))
    pid, _ = here.sh(
        "{ cd m && exec sleep 60; } >/dev/null 2>&1 & echo $!; mkdir m/sub; mount -t tmpfs none m/sub; echo"
    ).split("\n")[:2]
    try:
        refused(
            here,
            {"target": f"{here.disk}/m", "present": False},
            rf"it is in use: mount {here.disk}/m/sub; process {pid}, root \(working directory\): sleep 60: end or stop",
        )
    finally:
        here.sh(f"kill {pid}")


def test_who_has_a_file_open_of_a_layer_elsewhere(here: Namespace) -> None:
    """It has a device number that is neither the overlay's nor the layer's."""
    here.sh("mkdir far && mount -t tmpfs none far && mkdir far/l && echo far >far/l/far")
    here.deploy(site(here, lower=[f"{here.disk}/a", f"{here.disk}/far/l"]))
    [pid] = here.sh("{ exec 3<m/far && exec sleep 60; } >/dev/null 2>&1 & echo $!; sleep 0.3").split()
    try:
        gone = {"target": f"{here.disk}/m", "present": False}
        refused(here, gone, rf"it is in use: process {pid}, root \(open file\): sleep 60: end or stop")
    finally:
        here.sh(f"kill {pid}")


def test_where_upper_may_not_be(here: Namespace) -> None:
    at = here.disk
    here.sh("mkdir t bind u u2 && mount -t tmpfs none t && mount --bind u2 u && mkdir t/l && touch file")
    refused(here, site(here, upper=f"{at}/t/u", work=f"{at}/t/w"), "is on tmpfs, which a boot empties")
    refused(here, site(here), rf"upper {at}/u and work {at}/w are on two mounts \({at}/u and {at}\)")
    refused(here, site(here, upper=f"{at}/file"), f"upper {at}/file is no directory")
    refused(here, site(here, lower=f"{at}/none"), f"lower {at}/none is not there")
    here.sh("umount u; umount t; mount -o remount,ro .")
    refused(here, site(here), f"upper {at}/u is on {at}, which is mounted read-only")
    here.sh("mount -o remount,rw . && head -c 30M /dev/zero >fill 2>/dev/null || :")
    refused(here, site(here), f"upper {at}/u is on {at}, which is full")


def test_xfs_tells_its_ftype(here: Namespace) -> None:
    here.sh(
        "cd ..; truncate -s 310M x0; truncate -s 310M x1; mkfs.xfs -q -m crc=0 -n ftype=0 x0; mkfs.xfs -q x1; mkdir p q"
    )
    here.sh("cd ..; mount -o loop x1 q; mount -o loop x0 p 2>/dev/null || mount --bind q p")
    place = str(here.place)
    here.deploy(site(here, upper=f"{place}/q/u", work=f"{place}/q/w"))
    here.deploy({"target": f"{here.disk}/m", "present": False})
    if here.run(f"xfs_info {place}/p | grep -q ftype=0").returncode == 0:
        refused(
            here, site(here, upper=f"{place}/p/u", work=f"{place}/p/w"), "is on XFS with ftype=0, and overlays need 1"
        )


def test_an_upper_of_other_lowers_under_index(here: Namespace) -> None:
    for at in (here.disk, f"{here.place}"):
        # Each file system has handles of its own.
        here.sh(f"cd {at}; mkdir -p l1 l2")
        said = site(here, lower=f"{at}/l1", upper=f"{at}/uu", work=f"{at}/ww", options="index=on", persist=False)
        here.deploy(said)
        here.deploy({"target": f"{here.disk}/m", "present": False})
        refused(
            here, said | {"lower": f"{at}/l2"}, f"upper {at}/uu was mounted under index=on with another first lower"
        )
        here.deploy(said | {"lower": [f"{at}/l1", f"{at}/l2"]})
        here.deploy({"target": f"{here.disk}/m", "present": False})


def test_what_fstab_mounts_and_nobody_has_mounted(here: Namespace) -> None:
    here.sh(f"mkdir far && echo '/dev/none {here.disk}/far ext4 defaults 0 0' >>/etc/fstab && mkdir far/a")
    refused(
        here, site(here, lower=f"{here.disk}/far/a"), f"{here.disk}/far/a is below {here.disk}/far, which /etc/fstab"
    )
    here.sh(f"echo 'overlay {here.disk}/m overlay lowerdir=/a:/b 0 0' >>/etc/fstab")
    refused(here, site(here), "/etc/fstab has a line for it that is not ours")
    here.sh("sed -i '2,$d' /etc/fstab; mkdir m; touch m/entry")
    refused(here, site(here), f"{here.disk}/m: it holds entry, which the overlay would hide")
    here.sh("rm m/entry; mount -t tmpfs some m")
    refused(here, site(here), r"something else is mounted there: some \(tmpfs\)")


def test_where_engines_keep_what_they_have(here: Namespace) -> None:
    at = here.disk
    here.sh("mkdir -p /etc/docker /etc/containers /etc/containerd d p c")
    here.sh('printf \'{"data-root": "%s", "x": 1}\' $PWD/d >/etc/docker/daemon.json')
    here.sh("printf '[storage]\\ngraphroot = \"%s\"\\n' $PWD/p >/etc/containers/storage.conf")
    here.sh("printf \"version = 2\\nroot = '%s'\\n\" $PWD/c >/etc/containerd/config.toml")
    for name in "dpc":
        refused(
            here, site(here, target=f"{at}/{name}/m"), f"it is below {at}/{name}, where a container engine has its own"
        )


# -- what goes wrong in the midst of it


def test_where_the_new_one_fails_the_old_one_comes_back(here: Namespace) -> None:
    at = here.disk
    here.deploy(site(here))
    here.sh("echo kept >m/kept")
    plan = here.plan(site(here, lower=f"{at}/b"))
    [step] = [one for one in plan.steps if isinstance(one, Replace)]
    for options, layers, said in (
        (step.options.replace(f"{at}/b", f"{at}/gone"), step.layers, "m: "),
        (step.options.replace(f"workdir={at}/w", f"workdir={at}/u"), step.layers, "(the kernel: workdir and upperdir"),
        (step.options, f"{step.layers}/other", "the kernel shows other layers"),
        (f"{step.options},ro".replace(",rw", ""), step.layers, "the kernel made it read-only"),
    ):
        changed = tuple(replace(step, options=options, layers=layers) if one is step else one for one in plan.steps)
        done = here.act(replace(plan, steps=changed))
        assert done.returncode == 1
        assert said in done.stderr, done.stderr
        assert "; the overlay that was there is back" in done.stderr
        assert here.sh("cat m/kept m/y") == "kept\nb\n"
        # The line stays, so a boot finds the old one.
        assert not here.plan(site(here)).changes
    assert here.deploy(site(here, lower=f"{at}/b"))


def test_what_somebody_mounts_meanwhile_is_not_unmounted(here: Namespace) -> None:
    here.deploy(site(here))
    for said in ({"target": f"{here.disk}/m", "present": False}, site(here, lower=f"{here.disk}/b")):
        plan = here.plan(said)
        here.sh("mount -t tmpfs theirs m")
        done = here.act(plan)
        assert done.returncode == 1
        assert "what is mounted there is no overlay any more" in done.stderr
        here.sh("grep -q ' - tmpfs theirs ' /proc/self/mountinfo && umount m")
    assert not here.plan(site(here)).changes


def test_a_new_one_that_is_not_right_is_taken_away(here: Namespace) -> None:
    plan = here.plan(site(here))
    steps = tuple(replace(one, shown="index=on") if isinstance(one, Mount) else one for one in plan.steps)
    done = here.act(replace(plan, steps=steps))
    assert "the kernel did not take all of index=on" in done.stderr
    assert f"{here.disk}/m " not in here.sh("cat /proc/self/mountinfo /etc/fstab")
    assert here.deploy(site(here))


def test_a_full_disk_that_only_the_kernel_sees(here: Namespace) -> None:
    plan = here.plan(site(here))
    here.sh(
        "mkdir u w; head -c 30M /dev/zero >fill 2>/dev/null; cat /dev/zero >fill2 2>/dev/null; i=0; "
        "while mkdir d$i 2>/dev/null; do i=$((i + 1)); done; :"
    )
    steps = tuple(one for one in plan.steps if one.sh != "make_directory" or one.call[1].endswith("/m"))
    here.sh("rmdir d0 && mkdir m")
    done = here.act(replace(plan, steps=steps))
    assert done.returncode == 1
    assert re.search("is the file system of upper full|No space left", done.stderr), done.stderr
    assert f"{here.disk}/m " not in here.sh("cat /proc/self/mountinfo /etc/fstab")


def test_a_unit_is_the_old_one_or_the_new_one_and_wanted_wherever_it_is_cut(here: Namespace, tmp_path: Path) -> None:
    at, name = "/etc/systemd/system", "srv-x\\x20y.mount"
    standing = 'systemctl() { [ "$*" = daemon-reload ] && echo >>/run/told; }\n'
    link = f"{at}/{{}}-fs.target.wants/{name}"
    old, new = (
        WriteUnit("", name, f"[Mount]\n{text}\n", f"{by}-fs.target") for text, by in (("a", "local"), ("b", "remote"))
    )

    def act(step: Verb, before: str = "") -> "subprocess.CompletedProcess[str]":
        return here.act(OverlayPlan((step,), {}), f"{before}\n{standing}")

    found = f"cat '{at}/{name}'; ls -A {at} | grep -c hostwright; ls {at}/*.wants/*.mount"
    for first, then, ends in ((None, old, "local"), (old, new, "remote"), (new, RemoveUnit("", name), "")):
        for cut in range(1, 30):
            here.run(f"rm -f {tmp_path}/did {at}/*/*.mount {at}/*.mount {at}/.host*")
            assert first is None or act(first).returncode == 0
            done = act(then, f"DID={tmp_path}/did CUT={cut}\n{CUTTING}")
            if done.returncode == 0:
                break
            assert done.returncode == -9, done.stderr
            text, wanted = here.run(f"cat '{at}/{name}'").stdout, here.run(f"ls {at}/*.wants/*.mount").stdout
            if first is old:
                assert text in (old.text, new.text)
                assert wanted
            assert act(then).returncode == 0
        assert cut > 1
        said = here.run(found).stdout
        assert said == (f"{then.text}0\n{link.format(ends)}\n" if isinstance(then, WriteUnit) else "0\n")


CUTTING = """
cut() { echo x >>"$DID"; [ "$(wc -l <"$DID")" -ne "$CUT" ] || { kill -9 "$MAIN"; exit 9; }; }
MAIN=$$
for one in mkdir mount umount mv rmdir sync tar cp ln cmp rm chmod; do
    eval "$one() { cut; command $one \\"\\$@\\"; }"
done
"""


def test_wherever_it_is_cut_the_next_run_finishes(here: Namespace, tmp_path: Path) -> None:
    """A boot meanwhile finds the old overlay or the new one; at every other cut nothing is booted."""
    at = here.disk
    old, new, gone = site(here), site(here, lower=f"{at}/b", options="nodev"), {"target": f"{at}/m", "present": False}
    here.sh("chown 7:8 a b && chmod 2750 a b")
    shows = {id(gone): "", id(old): "a\nb\n", id(new): "b\nb\n"}
    cuts = 0
    for first, then in ((gone, old), (old, new), (new, gone)):
        if first is not gone:
            here.deploy(first)
        here.sh(f"cp /etc/fstab {tmp_path}/fstab")
        plan = here.plan(then)
        for cut in range(1, 100):
            here.sh(f"rm -f {tmp_path}/did; while umount m 2>/dev/null; do :; done; rm -rf u w m *.hostwright-new")
            here.sh(f"cp {tmp_path}/fstab /etc/fstab")
            if first is not gone:
                here.sh("mkdir w m && cp -a --no-target-directory a u && rm -f u/* && mount -a -t overlay")
            done = here.act(plan, f"DID={tmp_path}/did CUT={cut}\n{CUTTING}")
            if done.returncode == 0:
                break
            cuts += 1
            assert done.returncode == -9, done.stderr
            if cut % 2:
                here.sh("umount m 2>/dev/null; mount -a -t overlay")
                assert here.run(f"cat {at}/m/x {at}/m/y").stdout in (shows[id(first)], shows[id(then)])
            rest = here.plan(then)
            assert here.act(rest).returncode == 0
            assert not here.plan(then).changes
            assert here.sh("ls -A /etc | grep -c hostwright; :") == "0\n"
            assert then is gone or here.sh("stat -c '%u %g %a' u m") == "7 8 2750\n" * 2
    assert cuts > 20
