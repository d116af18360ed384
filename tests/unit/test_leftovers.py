"""What a run of commit ed994b3 left on a host is understood, and finished: recorded from what its own code wrote.

A job of it is at work (`job.sh`, whole, as the host has it) or is over; home is served from its copy; the lock is held;
compose, MariaDB, systemd-networkd and a change of addresses have what it put there.
"""

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest
from pyinfra.api import Host

from hostwright.base import job
from hostwright.base.scripts import NONCE
from hostwright.base.settings import validated
from hostwright.compose.plan.project import OVERRIDE, Project, complete, decide
from hostwright.interface.backends import networkd
from hostwright.lock.facts import HostLocks, parse_locks
from hostwright.lvm.facts import storage as facts
from hostwright.lvm.names import HEADER, PROCEDURE
from hostwright.lvm.operations.job import LIBRARY
from hostwright.lvm.plan.rebalance import examine
from hostwright.lvm.plan.resume import before_all
from hostwright.lvm.plan.steps import Plan
from hostwright.lvm.settings import Rebalance
from hostwright.mariadb.facts import parse_data
from hostwright.mariadb.plan.record import Init, digests, named, salt_of
from hostwright.mariadb.plan.server import decide_init
from hostwright.mariadb.settings import Mariadb
from tests.scripts import script
from tests.unit.compose.test_compose import made, model, state
from tests.unit.lvm import test_plan as plans
from tests.unit.lvm.hosts import storage

LEFT = Path(__file__).parent / "fixtures" / "leftovers_ed994b3"
ID = "0a1b2c3d"
OWNER = "root@controller/0a1b2c3d"


def left(name: str) -> str:
    return (LEFT / name).read_text()


def header() -> dict[str, str]:
    """What the script of its job says of what it is about."""
    lines = left("job.sh").split("\n# ", 1)[0].splitlines()
    words = (shlex.split(line)[0].partition("=") for line in lines if not line.startswith("LOGIN"))
    return {name: value for name, _, value in words}


# -- a job of it


class Old:
    """The host with its job in it, whose steps only note that they ran; the copy goes on for ever."""

    def __init__(self, place: Path) -> None:
        # By its own one it is known among all processes.
        self.id = job.new_id()
        self.place, self.run = place, place / "run" / "lvm" / self.id
        self.run.mkdir(parents=True)
        text = self.moved(left("job.sh")).replace(ID, self.id)
        verbs = set(re.findall(r"^step [0-9]+ (?:'[^']*'|\S+) (\w+)", text, re.M))
        goes_on = "while :; do sleep 0.1; done"
        stubs = [
            f'{verb}() {{ echo {verb} >>"$RUN/did"; {goes_on if verb == "copy_live" else ":"}; }}' for verb in verbs
        ]
        stubs.append('undo() { echo undone >>"$RUN/did"; }')
        (self.run / "job.sh").write_text(text.replace("\nbegin\n", "\n{}\nbegin\n".format("\n".join(stubs))))

    def moved(self, text: str) -> str:
        for theirs in ("run", "var/log", "var/lib"):
            text = text.replace(f"/{theirs}/hostwright", f"{self.place}/{theirs.removeprefix('var/')}")
        return text

    def begins(self) -> subprocess.Popen[bytes]:
        running = subprocess.Popen(
            ["sh", str(self.run / "job.sh"), "1"],
            env=os.environ | {"HOSTWRIGHT_OWNER": OWNER},
            start_new_session=True,
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while "copy_live" not in self.did:
            assert time.monotonic() < deadline, self.did
            time.sleep(0.05)
        return running

    @property
    def did(self) -> list[str]:
        did = self.run / "did"
        return did.read_text().split() if did.exists() else []

    def observed(self) -> facts.Storage:
        """As today's package sees the host."""
        text = self.moved(facts.LvmStorage().text("centos", "home"))
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
        return facts.parse_storage(done.stdout.splitlines(), NONCE)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Old]:
    monkeypatch.setattr(job, "DIRECTORY", str(tmp_path / "run"))
    monkeypatch.setattr(job, "POLL_SECONDS", 0.1)
    made = Old(tmp_path)
    yield made
    for name in (made.run / "process", *tmp_path.glob("run/lock/*/keeper")):
        if name.exists():
            subprocess.run(["kill", "-KILL", name.read_text().split(":")[0]], check=False, capture_output=True)


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fails where it takes longer, whatever it waits for."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"not over within {seconds} s"))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def first(found: facts.Storage) -> Plan:
    plan = before_all(found, "centos")
    assert plan
    return plan


def test_its_running_job_is_followed_and_stopped(old: Old, here: Host) -> None:
    running = old.begins()
    found = old.observed()
    assert (found.job.running, found.job.id, found.job.status) == (True, old.id, "")
    assert first(found).follow == old.id
    following = job.follow(here, job.Job("lvm", old.id))
    with within(60):
        while "copy /home" not in next(following):
            pass
        job.stop(here, job.Job("lvm", old.id))
        with pytest.raises(job.JobFailed, match="stopped by a signal"):
            list(following)
    assert old.did[-1] == "undone"
    running.wait(10)
    assert old.observed().job.status.startswith("1 stopped by a signal")


def test_one_that_was_killed_is_put_back_and_what_it_stopped_is_started(old: Old) -> None:
    running = old.begins()
    os.killpg(running.pid, signal.SIGKILL)
    running.wait(10)
    (old.run / "units").write_text(left("units"))
    found = old.observed()
    assert (found.job.running, found.job.id, found.job.status) == (False, old.id, "")
    assert [step.call for step in first(found).steps] == [("recover", old.id)]
    stubs = [
        'put_back() { echo "$MOUNT $OPTIONS $VG $LV" >"${RUN%/*}/did" && start_units; }',
        'unit() { echo "$*" >>"${RUN%/*}/did"; }',
        "device_at() { :; }",
        "systemctl() { :; }",
        "say() { :; }",
    ]
    (old.place / "run" / "lvm" / "new").mkdir()
    text = script(*LIBRARY, **HEADER | header() | {"RUN": f"{old.place}/run/lvm/new", "MOUNT": "", "LOCK": "deploy"})
    whole = "\n".join([text, *stubs, f"recover {old.id}", ""])
    subprocess.run(["sh", "-s"], input=whole, text=True, check=True)
    assert (old.place / "run" / "lvm" / "did").read_text() == "/home defaults centos home\nstart nfs-server.service\n"
    assert (old.run / "units").read_text() == ""
    assert old.observed().job.status == "1 ended by force"


def test_one_that_is_over_is_nothing_to_begin_with(old: Old) -> None:
    for name in ("process", "status", "units"):
        (old.run / name).write_text(left(name))
    (old.run.parent / "current").symlink_to(left("current").strip().replace(ID, old.id))
    found = old.observed()
    assert (found.job.running, found.job.id, found.job.status) == (False, old.id, "1 step 1 (x): stopped")
    assert before_all(found, "centos") is None


# -- volumes, and their lines of fstab


def test_its_names_of_copies_images_and_tags_are_todays() -> None:
    plan = plans.plan(storage(), busy="stop")
    today = dict(plan.variables)
    for name in ("VG", "LV", "COPY", "MOUNT", "KIND", "OPTIONS", "UUID", "LABEL", "ORIGINAL", "IMAGE"):
        assert today[name] == header()[name]
    words = {"LOCK": "deploy", "OWNER": OWNER, "DOING": ""}
    text = job.render(LIBRARY, plan.steps, (*HEADER.items(), *plan.variables), job.Job(PROCEDURE, ID), words)
    said = set(re.findall(r"(?<![\w/])hostwright\.[a-z]+|hostwr-ight|trusted\.hostwright\.\w+", left("job.sh")))
    assert {"hostwright.copy", "hostwright.wipe", "hostwr-ight"} <= said
    assert {one for one in said if one not in text} == set()
    assert {name: value for name, value in header().items() if name in ("RUN", "WORK", "LOG", "ID")} == {
        "RUN": "/run/hostwright/lvm/0a1b2c3d",
        "WORK": "/run/hostwright/lvm/mnt",
        "LOG": "/var/log/hostwright/lvm.log",
        "ID": ID,
    }
    for name in ("RUN", "WORK", "LOG", "ID"):
        assert f"\n{name}={header()[name]}\n" in text


def marked(marker: str, spec: str, free: int = 0) -> facts.Storage:
    lines = [*marker.splitlines(), f"{spec} /home xfs defaults 0 0"]
    found = facts.parse_storage(["@@ fstab", *lines])
    assert found.marker == marker.strip()
    return storage(free=free, marker=found.marker, fstab=found.fstab)


def test_a_copy_that_it_proved_is_finished_and_not_given_up() -> None:
    served = plans.with_copy(marked(left("marker_copy"), f"{plans.BY_ID}home_hostwrightuuid", 600))
    made = plans.plan(served)
    order = ["take_away", "remove_volume", "rename_volume", "restore_fstab"]
    assert [call for call in plans.calls(made) if call in order] == order
    assert not {"copy_live", "discard"} & set(plans.calls(made))
    assert "served from its proved copy" in plans.refusal(served, abandon=True)


def test_what_it_began_before_that_is_given_up() -> None:
    began = plans.with_copy(marked(left("marker_copy"), f"{plans.BY_ID}homeuuid", 600))
    assert plans.calls(plans.plan(began, abandon=True)) == ["discard", "restore_fstab"]


def test_an_image_that_home_is_served_from_is_finished() -> None:
    image = header()["IMAGE"]
    host = marked(header()["MARKER"], image)
    task = examine(host, Rebalance(shrink_to="2G"))
    assert task.served == "image"
    made = plans.plan(host)
    assert dict(made.variables)["IMAGE"] == image
    assert dict(made.variables)["ORIGINAL"] == "/dev/mapper/centos-home /home xfs defaults 0 0"
    order = ["remove_volume", "make_volume", "copy_live", "verify", "serve_volume", "restore_fstab", "remove_image"]
    assert [call for call in plans.calls(made) if call in order] == order


# -- the lock


def test_its_line_of_the_lock_is_read_and_respected(tmp_path: Path) -> None:
    place = tmp_path / "lock" / "deploy"
    place.mkdir(parents=True)
    number, count, lease, _, _, since, _, owner, doing = left("holder").rstrip("\n").split("\t")
    assert (owner, doing) == (OWNER, "changing the volumes of centos")
    now = str(int(float(Path("/proc/uptime").read_text().split()[0])))
    started = Path("/proc/1/stat").read_text().rsplit(") ", 1)[1].split()[19]
    line = "\t".join([number, count, lease, now, now, since, f"1:{started}", owner, doing])
    (place / "holder").write_text(f"{line}\n")
    text = HostLocks().text().replace("/run/hostwright", str(tmp_path))
    said = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True).stdout
    (lock,) = parse_locks(said.replace(f"@@ {NONCE} ", "@@ ").splitlines())
    assert lock.holder
    assert (lock.holder.number, lock.holder.owner, lock.holder.doing) == (int(number), OWNER, doing)
    words = {"LOCKS": str(tmp_path / "lock"), "KEPT": str(tmp_path / "kept"), "LOCK": "deploy", "OWNER": "me/1"}
    words |= {"WAIT": "0", "LEASE": "30", "CONNECTION": "no", "DOING": "testing", "WATCH": f"1:{started}"}
    text = script("processes", "ownership", "holders", "lock", **words)
    done = subprocess.run(["sh", "-c", f'{text}\nacquire\ncode=$?\necho "$reason"; exit $code'], capture_output=True)
    assert done.returncode != 0
    assert f"held by {OWNER} since {since}" in done.stdout.decode()


# -- containers


def test_its_digests_make_no_container_anew() -> None:
    files = {path: text.encode() for path, text in json.loads(left("compose.json")).items()}
    project = Project("shop", "/opt/shop", files, frozenset({"db.env"}))
    text = (LEFT / OVERRIDE).read_bytes()
    assert complete(project).files[OVERRIDE] == text
    labels = {name: one["labels"]["hostwright.digest"] for name, one in json.loads(text)["services"].items()}
    found = state(**model(project), override=hashlib.sha256(text).hexdigest(), images={})
    containers = tuple(made(project, found, name, digest=digest) for name, digest in labels.items())
    assert decide(complete(project), replace(found, containers=containers)).lines == ()


def test_what_it_ran_once_is_not_run_again() -> None:
    record = parse_data(["@@ data", "server=yes", "@@ record", *left("hostwright-once").splitlines()]).record
    inits = [Init("init.sql", left("init.sql").encode()), Init("", b"CREATE DATABASE two")]
    contents = named(inits, record)
    assert list(contents) == ["init.sql", "statement-2"]
    found = parse_data(["@@ data", "server=yes", "@@ record", *left("hostwright-once").splitlines()])
    wish = validated(Mariadb, {"root_password": "correct horse"})
    plan = decide_init(wish, digests(contents, record, salt_of(record) or "0" * 16), found)
    assert (plan.decided, plan.lines, plan.notes) == ((), (), ())


# -- the network


def test_its_files_of_networkd_are_ours() -> None:
    files = json.loads(left("networkd.json"))
    units = {"eth1": "", "eth2": "/run/systemd/network/10-netplan-eth2.network"}
    for (path, text), (interface, unit) in zip(files.items(), units.items(), strict=True):
        assert networkd.drop_in(unit, interface) == path
        (declared,) = networkd.declared({path: text})
        assert declared.static.address == ip_interface("10.0.0.5/24")
        assert networkd.edited({path: text}, unit, interface, [], [declared.static]) == {path: ""}


def test_what_undoes_a_change_of_addresses_is_claimed_as_ever(tmp_path: Path) -> None:
    words = {"ID": ID, "RUN": "ip addr add 10.0.0.5/24 dev eth1", "UNDO": "ip addr del 10.0.0.5/24 dev eth1"}
    known = words | {"LOOKS": "", "SECONDS_LEFT": "600", "OURS": ":"}
    theirs = left(f"undo-{ID}").replace("/run/hostwright/addresses", str(tmp_path / "addresses"))
    assert theirs.splitlines()[1:3] == [
        f"mv {tmp_path}/addresses/undo-{ID} {tmp_path}/addresses/undoing-{ID} 2>/dev/null || exit 0",
        words["UNDO"],
    ]
    # Today's says the change is over while theirs still waits: it renames the same file.
    (tmp_path / "addresses").mkdir()
    (tmp_path / "addresses" / f"undo-{ID}").write_text(theirs)
    text = script("addresses", **known).replace("/run/hostwright/addresses", str(tmp_path / "addresses"))
    subprocess.run(["sh", "-c", f"{text}\nsystemctl() {{ :; }}\nrelease_guard"], check=True)
    assert not (tmp_path / "addresses" / f"undo-{ID}").exists()
    assert not list((tmp_path / "addresses").glob(f"*-{ID}"))
