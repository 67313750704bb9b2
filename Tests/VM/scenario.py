"""What a scenario is, and how one is run: break it, diagnose, type what is printed, look again."""

import dataclasses
import json
import re
import typing

from expected import EXPECTED, NO_WARNING
from guest import Dead, Trouble
from scene import NotInjected, Scene

WINDOW = "6s"
BAD = ("warning", "critical")


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    # (scene) -> pid of the job, with the fault in place.
    arrange: typing.Callable
    # (scene, pid, change): raises NotInjected unless the kernel's own counters show the fault.
    prove: typing.Callable
    # Machines that it runs on, by their number of nodes.
    nodes: tuple
    # The fix holds for memory that is taken anew: the job is started again after it, as it was.
    restart: bool = False


@dataclasses.dataclass
class Outcome:
    """`state`: ok, missed (Stoker is wrong) or broken (the fault could not be made)."""

    state: str
    why: str = ""
    report: dict | None = None
    after: dict | None = None


class Missed(Exception):
    """What the report should have said."""


def run(scenario, guest, shape, keep):
    """`keep(name, report)` stores a report; everything that was changed is put back."""
    scene = Scene(guest, shape)
    reports = []

    def diagnosed(pid):
        report = diagnose(guest, pid)
        reports.append(report)
        keep(f"{scenario.name}-{len(reports)}", report)
        return report

    try:
        judge(scenario, scene, diagnosed)
        return Outcome("ok", headline(reports[0]), *reports)
    except Missed as error:
        return Outcome("missed", str(error), *reports)
    except NotInjected as error:
        return Outcome("broken", f"fault not in place: {error}", *reports)
    except Dead:
        raise
    except Trouble as error:
        return Outcome("broken", str(error), *reports)
    finally:
        if guest.lives:
            scene.close()


def judge(scenario, scene, diagnosed):
    expected = EXPECTED[scenario.name]
    pid = scenario.arrange(scene)
    before = scene.counters()
    report = diagnosed(pid)
    after = scene.counters()
    scenario.prove(scene, pid, {n: after[n] - before.get(n, 0) for n in after})
    if expected is NO_WARNING:
        bad = [f for f in report["findings"] if f["severity"] in BAD]
        if bad:
            raise Missed(f"a job without a fault got {text_of(bad[0])[:400]}")
        return
    first = expect_first(report, expected, scene.names)
    type_commands(scene.guest, first)
    if scenario.restart:
        scene.guest.do(f"kill -9 {pid}")
        pid = scene.job_again()
    expect_gone(diagnosed(pid), expected, first)


def diagnose(guest, pid):
    path = "/tmp/report.json"
    answer = guest.type(
        f"stoker diagnose --pid {pid} --duration {WINDOW} --format json --output {path}")
    if answer.status not in (0, 1):
        raise Missed(f"diagnose: status {answer.status}: {answer.err.strip()}")
    return json.loads(guest.read(path))


def text_of(finding):
    """Everything in a finding that a reader would look for a node or a file in."""
    rows = [f"{row['name']} {row['value']} {row['unit']}" for row in finding["evidence"]]
    culprit = finding["culprit"] or {}
    fix = finding["fix"] or {}
    return " | ".join([finding["severity"], finding["cause"], finding["rule"], finding["summary"],
                       str(culprit.get("name")), *rows, *fix.get("commands", [])])


def headline(report):
    findings = report["findings"]
    return f"{findings[0]['severity']} {findings[0]['summary']}" if findings else "no finding"


def expect_first(report, expected, names):
    if not report["findings"]:
        raise Missed(f"no finding; expected {' or '.join(expected.causes)}")
    first = report["findings"][0]
    said = text_of(first)
    if first["cause"] not in expected.causes or first["severity"] not in BAD:
        raise Missed(f"expected a warning of {' or '.join(expected.causes)} first, got {said}")
    if expected.rules and first["rule"] not in expected.rules:
        raise Missed(f"expected rule {' or '.join(expected.rules)} first, got {said}")
    for pattern in expected.says:
        wanted = pattern.format(**names)
        if not re.search(wanted, said):
            raise Missed(f"'{wanted}' is not in: {said}")
    return first


def type_commands(guest, finding):
    """As they stand, one line after the other, like somebody who trusts the report."""
    for command in (finding["fix"] or {}).get("commands", []):
        answer = guest.type(command)
        if answer.status:
            raise Missed(f"'{command}' failed: {answer.err.strip()[-300:]}")


def expect_gone(report, expected, first):
    for finding in report["findings"]:
        same = finding["rule"] == first["rule"] or finding["cause"] in expected.gone_causes
        if same and finding["severity"] in BAD:
            raise Missed(f"still there after its commands: {text_of(finding)}")
