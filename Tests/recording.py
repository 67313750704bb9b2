#!/usr/bin/env python3
"""What happens to recordings: kills, full disks, media that cannot be written, hostile files. SQLite
itself, through Python, says whether what is left is whole."""

import contextlib
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
import zlib

import cli
from cli import ROOT, STOKER, Skip, expect, expect_failure, started, stoker, wait_for

BENCH = STOKER.parent / "recording-bench"
KILLS = int(os.environ.get("STOKER_KILLS", "20"))  # of a file and of a folder each
ALL = ["--since", "2026-01-01"]
IS_ROOT = os.geteuid() == 0


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield pathlib.Path(path)


@contextlib.contextmanager
def mounted(path, *arguments):
    """A file system that is gone afterwards."""
    if not IS_ROOT:
        raise Skip("only root can mount")
    path.mkdir(exist_ok=True)
    result = subprocess.run(["mount", *arguments, path], capture_output=True)
    if result.returncode:
        raise Skip(f"cannot mount: {result.stderr.decode().strip()}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


def writer(path):
    """Records made-up ticks as fast as it can, and prints the time of each that is on record."""
    if not BENCH.exists():
        raise Skip("recording-bench is not built")
    return subprocess.Popen([BENCH, "write", path], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True)


def lines(process, count):
    return [process.stdout.readline().strip() for _ in range(count)]


def copied(path, room):
    for name in [path.name, path.name + "-wal"]:
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(path.with_name(name), room / name)
    return room / path.name


def rows(path):
    """Times of the rows, after SQLite has looked at the whole of a copy: it would tidy up."""
    with folder() as room, contextlib.closing(sqlite3.connect(copied(path, room))) as database:
        answer = database.execute("PRAGMA integrity_check").fetchall()
        expect(answer == [("ok",)], f"{path}: {answer}")
        return [row[0] for row in database.execute("SELECT monotonic FROM ticks ORDER BY 1")]


def wait_for_rows(path, count=2):
    def has_rows():
        try:
            return len(rows(path)) > count
        except (OSError, sqlite3.OperationalError):
            return False  # not yet begun

    wait_for("rows", has_rows, 20)


def observed(*arguments, **options):
    result = stoker("diagnose", "--format", "json", "--from", *arguments, **options)
    expect(result.returncode in (0, 1), f"exit {result.returncode}: {result.stderr!r}")
    return json.loads(result.stdout)


def record(path, seconds=2, *arguments):
    target = arguments or ["--pid", os.getpid()]
    result = stoker("record", "-o", path, "--duration", f"{seconds}s", *target)
    expect(result.returncode == 0, f"exit {result.returncode}: {result.stderr!r}")
    return result.stdout.decode()


# The commands.

def test_what_was_recorded_is_explained():
    with folder() as room:
        path = room / "a.db"
        text = record(path, 3, "--", "sleep", "9")
        expect(str(path) in text, text)
        expect(sorted(os.listdir(room)) == ["a.db"], os.listdir(room))
        expect(stat.S_IMODE(path.stat().st_mode) == 0o600, oct(path.stat().st_mode))
        times = rows(path)
        report = cli.validated(stoker("diagnose", "--format", "json", "--from", path).stdout)
        seconds = (times[-1] - times[0]) / 1e9
        expect(abs(report["window"]["seconds"] - seconds) < 0.001,
               f"{report['window']} of {seconds}")
        text = stoker("diagnose", "--from", path).stdout.decode()
        expect("From a recording of " + os.uname().nodename in text, text)


def test_an_interrupt_ends_it():
    with folder() as room:
        for name in ["INT", "TERM"]:
            path = room / f"{name}.db"
            process = started("record", "-o", path, "--pid", os.getpid())
            wait_for_rows(path)
            process.send_signal(getattr(signal, "SIG" + name))
            _, errors = process.communicate(timeout=30)
            expect(process.returncode == 0, f"exit {process.returncode}: {errors!r}")
            expect(len(rows(path)) > 1 and sorted(os.listdir(room))[-1] == f"{name}.db", "rows")


def test_a_recording_is_read_while_it_is_written():
    with folder() as room:
        path = room / "a.db"
        process = started("record", "-o", path, "--pid", os.getpid())
        try:
            wait_for_rows(path)
            expect(observed(path)["window"]["seconds"] > 1, "too short")
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)


def test_nothing_is_overwritten():
    with folder() as room:
        (room / "a.db").write_text("precious")
        (room / "link.db").symlink_to(room / "new.db")
        (room / "old.db-wal").write_text("precious")
        for name, reason in [("a.db", "File exists"), ("link.db", "File exists"),
                             ("old.db", "File exists"), ("none/a.db", "No such file"),
                             (".", "Is a directory")]:
            expect_failure(2, reason, "record", "-o", f"{room}/{name}", "--duration", "1s",
                           "--pid", os.getpid())
        expect((room / "a.db").read_text() == "precious", "overwritten")
        expect(sorted(os.listdir(room)) == ["a.db", "link.db", "old.db-wal"], os.listdir(room))


def test_a_part_is_chosen():
    with folder() as room:
        path = room / "a.db"
        record(path, 4)
        expect_failure(2, r"nothing was recorded then: .* holds \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ to ",
                       "diagnose", "--from", path, "--until", "1h")
        expect_failure(64, "--since", "diagnose", "--from", path, "--since", "yesterday")
        expect_failure(64, "not before", "diagnose", "--from", path, "--since", "1m", "--until", "2m")
        expect_failure(64, "--from", "diagnose", "--since", "1m")
        expect_failure(64, "only one", "diagnose", "--from", path, "--pid", "1")
        with contextlib.closing(sqlite3.connect(path)) as database:
            walls = [row[0] for row in database.execute("SELECT wall FROM ticks ORDER BY 1")]
        since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(walls[1] + 1))
        part = observed(path, "--since", since)["window"]["seconds"]
        whole = observed(path, "--since", "-1h")["window"]["seconds"]
        expect(0 < part < whole - 0.9, f"{part} of {whole}")


# Death.

def killed(path, find):
    random.seed(11)
    for _ in range(KILLS):
        process = writer(path)
        printed = lines(process, random.randint(2, 40))
        time.sleep(random.random() / 50)
        process.kill()
        printed += process.stdout.read().split("\n")[:-1]
        process.wait()
        times = [time for file in find() for time in rows(file)]
        missing = set(map(int, printed)) - set(times)
        expect(not missing, f"{len(missing)} of {len(printed)} ticks are lost")
        # The one that was written when it was killed may be there or not.
        expect(len(times) - len(printed) <= 1, f"{len(times)} for {len(printed)}")
        yield


def test_what_was_recorded_survives_a_kill():
    with folder() as room:
        path = room / "a.db"
        for _ in killed(path, lambda: [path]):
            expect(observed(path, *ALL)["window"]["seconds"] > 0, "nothing")
            for file in room.iterdir():
                file.unlink()


def test_what_is_in_a_folder_survives_a_kill():
    with folder() as room:
        history = room / "history"
        for _ in killed(f"{history}/", lambda: sorted(history.glob("*.db"))[-1:]):
            expect(observed(history, *ALL)["window"]["seconds"] > 0, "nothing")
        # A new one tidies up what the dead have left.
        process = writer(f"{history}/")
        lines(process, 3)
        left = list(history.glob("*.db-wal"))
        expect(len(left) == 1, left)
        refused = subprocess.run([BENCH, "write", f"{history}/"], capture_output=True, timeout=30)
        expect(refused.returncode != 0 and str(process.pid).encode() in refused.stderr,
               refused.stderr)
        process.kill()
        process.wait()


# Disks.

def filled(path):
    """Takes all room that is left."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass


def test_a_full_disk_is_a_pause():
    with folder() as room, mounted(room / "disk", "-t", "tmpfs", "-o", "size=8m", "tmpfs") as disk:
        history = disk / "history"
        process = writer(f"{history}/")
        try:
            before = lines(process, 200)
            filled(disk / "filler")
            wait_for("pause", lambda: "full" in lines(process, 1)[0], 60)
            paused = int(before[-1])
            (disk / "filler").unlink()
            wait_for("recording", lambda: lines(process, 1)[0].isdigit(), 60)
            lines(process, 200)
        finally:
            process.kill()
            process.wait()
        times = [time for file in sorted(history.glob("*.db")) for time in rows(file)]
        expect(set(map(int, before)) <= set(times), "ticks from before are lost")
        expect(max(times) > paused, "it did not go on")
        expect(observed(history, *ALL)["window"]["seconds"] > 0, "nothing")


def test_retention_makes_room_on_a_full_disk():
    with folder() as room, mounted(room / "disk", "-t", "tmpfs", "-o", "size=4m", "tmpfs") as disk:
        history = disk / "history"
        process = writer(f"{history}/")
        try:
            lines(process, 4_500)
            first = sorted(history.glob("*.db"))[0]
            filled(disk / "filler")
            # The bound is 2 MiB, and what is over it goes although nothing can be written.
            lines(process, 200)
            size = sum(file.stat().st_size for file in history.iterdir())
            expect(size < 3 << 20, f"{size} bytes")
            (disk / "filler").unlink()
            lines(process, 4_500)
            expect(not first.exists(), "the oldest is still there")
        finally:
            process.kill()
            process.wait()


def test_a_disk_that_becomes_read_only_is_a_pause():
    with folder() as room:
        image = room / "image"
        with open(image, "wb") as file:
            file.truncate(32 << 20)
        if subprocess.run(["mkfs.ext4", "-q", image], capture_output=True).returncode:
            raise Skip("there is no mkfs.ext4")
        with mounted(room / "disk", "-o", "loop", image) as disk:
            process = writer(f"{disk}/history/")
            try:
                # Long enough for the log to have been moved into the file, and to the disk.
                before = lines(process, 2_500)
                # What the kernel does when the disk fails.
                subprocess.run(["mount", "-o", "remount,abort", disk], capture_output=True)
                wait_for("pause", lambda: lines(process, 1)[0].startswith("paused"), 60)
                expect(all(line.startswith("paused") for line in lines(process, 300)), "not paused")
            finally:
                process.kill()
                process.wait()
        with mounted(room / "disk", "-o", "loop", image) as disk:
            report = observed(disk / "history", *ALL)
            expect(report["window"]["seconds"] > 500, report["window"])


def test_a_folder_that_cannot_be_written_for_a_while():
    """A mount of the folder over itself: what is open goes on, what is new is refused."""
    with folder() as room:
        history = room / "history"
        process = writer(f"{history}/")
        try:
            lines(process, 100)
            with mounted(history, "--bind", history):
                subprocess.run(["mount", "-o", "remount,ro,bind", history], check=True)
                expect_failure(2, "Read-only", "record", "-o", history / "a.db",
                               "--duration", "1s", "--pid", os.getpid())
                expect(observed(history, *ALL)["window"]["seconds"] > 0, "nothing")
            lines(process, 100)
        finally:
            process.kill()
            process.wait()


def test_a_full_disk_is_said_and_the_rest_is_kept():
    with folder() as room, mounted(room / "disk", "-t", "tmpfs", "-o", "size=1m", "tmpfs") as disk:
        path = disk / "a.db"
        process = started("record", "-o", path, "--pid", os.getpid())
        wait_for_rows(path)
        filled(disk / "filler")
        time.sleep(4)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        if process.returncode == 0:
            raise Skip("the log had room left")
        expect(b"not recording to" in errors and b"full" in errors, errors)
        (disk / "filler").unlink()
        expect(len(rows(path)) > 2, "rows are lost")


# Files of others.

def test_hostile_files_are_refused_in_little_memory():
    bomb = (16 << 20).to_bytes(4, "little") + zlib.compress(bytes(16 << 20), 9)
    with folder() as room:
        path = room / "a.db"
        record(path, 2)
        with contextlib.closing(sqlite3.connect(path)) as database:
            row = database.execute("SELECT max(monotonic), max(wall) FROM ticks").fetchone()
            database.executemany("INSERT INTO ticks VALUES (?, ?, 1, ?)", [
                (row[0] + number, row[1], bomb) for number in range(1, 2_000)])
            database.commit()
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        result = stoker("diagnose", "--from", path, timeout=120)
        expect(result.returncode in (0, 1, 2), f"exit {result.returncode}: {result.stderr!r}")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        expect(peak < max(before, 400 << 10), f"{peak} KiB")


def test_what_is_no_recording():
    with folder() as room:
        (room / "empty.db").touch()
        os.mkfifo(room / "pipe")
        (room / "none").mkdir()
        for name, reason in [("empty.db", "is not a recording"), ("pipe", "is not a recording"),
                             ("none", "does not hold two moments"), ("nothing", "cannot read")]:
            expect_failure(2, reason, "diagnose", "--from", room / name)
        path = room / "a.db"
        record(path, 2)
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 99")
        expect_failure(2, "format 99", "diagnose", "--from", path)


if __name__ == "__main__":
    cli.main(globals())
