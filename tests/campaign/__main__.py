"""`python -m tests.campaign flushes`: crash campaigns from the command line. What was tried is not tried again."""

import argparse
import itertools
import signal
import sys
import time
from pathlib import Path

from tests.campaign import cuts, full, package, results
from tests.campaign.flushes import Task, bench
from tests.campaign.scenarios import SCENARIOS
from tests.lab.call import LabError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description="Cut the power at every point.")
    commands = parser.add_subparsers(dest="command", required=True)
    flushes = commands.add_parser("flushes", help="at every flush, and between flushes with some of the writes lost")
    flushes.add_argument("--scenario", action="append", choices=SCENARIOS, help="which deploy; all by default")
    flushes.add_argument("--points", type=int, metavar="N", help="so many flushes, by chance; all by default")
    flushes.add_argument("--subsets", type=int, metavar="N", help="so many losses of writes; some per flush by default")
    flushes.add_argument(
        "--boots", type=int, default=4, metavar="N", help="so many boots, where steps begin or between; 4 by default"
    )
    flushes.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="when to stop")
    many = commands.add_parser("cuts", help="at any moment, up to several times in one job")
    many.add_argument("--scenario", action="append", choices=SCENARIOS, help="which deploy; all by default")
    many.add_argument("--jobs", type=int, default=14, metavar="N", help="so many for each scenario; 14 by default")
    many.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="when to stop")
    filled = commands.add_parser("full", help="with root, /run, memory or the staging disk full from each step on")
    filled.add_argument("--scenario", action="append", choices=full.FULL_SCENARIOS, help="which deploy; all by default")
    filled.add_argument("--kind", action="append", choices=full.KINDS, help="what is full; each by default")
    filled.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="when to stop")
    one = commands.add_parser("point", help="one point again, with what was written around it")
    one.add_argument("scenario", choices=SCENARIOS)
    one.add_argument("point", type=int)
    one.add_argument("--boot", action="store_true", help="boot it, too")
    for command in (flushes, many, one):
        command.add_argument("--seed", type=int, default=0, metavar="S", help="of all that is left to chance")
    report = commands.add_parser("report", help="print a table of what was tried")
    for command in (flushes, many, filled, report):
        command.add_argument("--results", type=Path, default=results.RESULTS, metavar="FILE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        match arguments.command:
            case "flushes":
                return _flushes(arguments)
            case "cuts":
                return _cuts(arguments)
            case "full":
                return _full(arguments)
            case "point":
                return _point(arguments)
            case "report":
                print(results.report(arguments.results))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the next run goes on from here.", file=sys.stderr)
        return 130
    return 0


def _flushes(arguments: argparse.Namespace) -> int:
    end = time.monotonic() + arguments.minutes * 60
    lost = 0
    for name in arguments.scenario or SCENARIOS:
        if time.monotonic() > end:
            break
        print(f"{name}: recording, unless there is one", flush=True)
        with bench(SCENARIOS[name]) as work:
            done = {result.key for result in results.read(arguments.results)}
            chosen = work.choose(arguments.seed, arguments.points, arguments.subsets, arguments.boots)
            tasks = [task for task in chosen if (name, work.recording.name, *task) not in done]
            print(f"{name}: {len(tasks)} to try; {len(work.replay.points())} flushes in all", flush=True)
            for number, result in enumerate(work.results(tasks), 1):
                results.append(arguments.results, result)
                lost += result.outcome == "lost"
                if result.outcome == "lost" or result.kind == "boot" or number % 50 == 0:
                    _print(result, f"{number}/{len(tasks)} ")
                if time.monotonic() > end:
                    break
    print(results.report(arguments.results))
    return 1 if lost else 0


def _cuts(arguments: argparse.Namespace) -> int:
    end = time.monotonic() + arguments.minutes * 60
    lost = 0
    names = arguments.scenario or list(SCENARIOS)
    seeds = range(arguments.seed, arguments.seed + arguments.jobs)
    # A job of each in turn, so that whenever it is stopped all have had their share.
    for seed, name in itertools.product(seeds, names):
        if time.monotonic() > end:
            break
        done = {(result.kind, *result.key[:2], result.seed) for result in results.read(arguments.results)}
        if ("cut", name, package.bearing(), seed) in done:
            continue
        for result in cuts.results(SCENARIOS[name], iter([seed])):
            results.append(arguments.results, result)
            lost += result.outcome == "lost"
            _print(result, f"seed {seed} ")
    print(results.report(arguments.results))
    return 1 if lost else 0


def _full(arguments: argparse.Namespace) -> int:
    end = time.monotonic() + arguments.minutes * 60
    lost = 0
    past: set[tuple[str, str]] = set()
    # A step of each in turn, so that whenever it is stopped all have had their share.
    for step, name, kind in itertools.product(
        range(1, 40), arguments.scenario or full.FULL_SCENARIOS, arguments.kind or full.KINDS
    ):
        if kind == "staging" and not full.FULL_SCENARIOS[name].staging:
            continue
        if time.monotonic() > end:
            break
        known = {result.key: result for result in results.read(arguments.results)}
        key = (name, package.bearing(), step, "full", list(full.KINDS).index(kind))
        if (name, kind) in past or key in known:
            past |= {(name, kind)} if key in known and known[key].outcome == "past" else set()
            continue
        for result in full.results(full.FULL_SCENARIOS[name], kind, iter([step])):
            results.append(arguments.results, result)
            lost += result.outcome == "lost"
            past |= {(name, kind)} if result.outcome == "past" else set()
            _print(result, f"{kind} ")
    print(results.report(arguments.results))
    return 1 if lost else 0


def _point(arguments: argparse.Namespace) -> int:
    kinds = ["flush", "subset", *(["boot"] if arguments.boot else [])]
    with bench(SCENARIOS[arguments.scenario]) as work:
        print(work.around(arguments.point))
        found = list(work.results(Task(arguments.point, kind, arguments.seed) for kind in kinds))
    for result in found:
        _print(result)
    return 1 if any(result.outcome == "lost" for result in found) else 0


def _print(result: results.Result, prefix: str = "") -> None:
    words = [prefix + result.scenario, str(result.point), result.kind, f"{result.seconds:.1f} s:", result.outcome]
    print(" ".join(words), *([result.detail] if result.detail else []), sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
