"""One running guest: boots it, types commands, and takes it down again."""

import os
import socket
import subprocess
import tempfile
import time

BOOT_SECONDS = 150
COMMAND_SECONDS = 90


class Trouble(Exception):
    """The guest did not do what the test needs of it: not a verdict about Stoker."""


class Dead(Trouble):
    """The guest is gone, or does not answer any more."""


class Answer:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err


class Guest:
    """A class because it owns the process and the socket, and ends both in `close`."""

    def __init__(self, command, console, log=None):
        """`command` is that of QEMU; a port for the agent and the console are added here."""
        self.console, self.log = console, log
        self.folder = tempfile.TemporaryDirectory(prefix="stoker-vm-")
        path = os.path.join(self.folder.name, "agent")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(1)
        listener.settimeout(20)
        self.process = subprocess.Popen(
            [*command, "-serial", f"file:{console}", "-chardev", f"socket,id=agent,path={path}",
             "-device", "virtio-serial-pci,bus=pcie.0",
             "-device", "virtserialport,chardev=agent,name=stoker"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            self.port, _ = listener.accept()
        except TimeoutError:
            raise self.trouble("QEMU did not start") from None
        finally:
            listener.close()
        self.started = time.monotonic()
        self.port.settimeout(BOOT_SECONDS)
        if self._line() != "ready":
            raise self.trouble("the agent did not come up")
        self.boot_seconds = time.monotonic() - self.started

    @property
    def lives(self):
        return self.process.poll() is None

    def trouble(self, what):
        self.process.kill()
        said = self.process.stderr.read().strip()
        self.process.wait()
        try:
            tail = "\n".join(open(self.console, errors="replace").read().splitlines()[-15:])
        except OSError:
            tail = ""
        return Dead(f"{what}\n{said}\nlast lines of the console:\n{tail}")

    def _read(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                part = self.port.recv(min(1 << 16, count - len(data)))
            except TimeoutError:
                raise self.trouble("no answer in time") from None
            if not part:
                raise self.trouble("the guest ended")
            data += part
        return bytes(data)

    def _line(self):
        line = b""
        while not line.endswith(b"\n"):
            line += self._read(1)
        return line[:-1].decode()

    def type(self, script, seconds=COMMAND_SECONDS):
        """Has the guest's shell run a script, and waits for it."""
        data = script.encode()
        self.port.settimeout(seconds)
        self.port.sendall(f"{len(data)}\n".encode() + data)
        status, out, err = map(int, self._line().split())
        answer = Answer(status, self._read(out).decode(errors="replace"),
                        self._read(err).decode(errors="replace"))
        if self.log:
            self.log.write(f"$ {script}\n{answer.out[-4000:]}{answer.err[-2000:]}"
                           f"[status {status}]\n")
            self.log.flush()
        return answer

    def do(self, script, seconds=COMMAND_SECONDS):
        """The same for what the test itself arranges: it must succeed. Returns what it said."""
        answer = self.type(script, seconds)
        if answer.status:
            raise Trouble(f"{script}: status {answer.status}: {answer.out[-500:]}{answer.err[-500:]}")
        return answer.out

    def read(self, path):
        return self.do(f"cat {path}")

    def start(self, command, ready=True):
        """Starts a program in the background; waits for its first line. Its pid and that line."""
        out = f"/tmp/out.{time.monotonic_ns()}"
        wait = f"while ! [ -s {out} ] && kill -0 $!; do sleep 0.05; done" if ready else ":"
        said = self.do(f"{command} >{out} 2>&1 & echo $!; {wait}; cat {out}").split("\n", 1)
        pid, line = int(said[0]), said[1].strip()
        if ready and self.type(f"kill -0 {pid}").status:
            raise Trouble(f"{command}: ended at once: {line}")
        return pid, line

    def close(self):
        if self.lives:
            try:
                self.port.settimeout(5)
                self.port.sendall(b"11\npoweroff -f")
                self.process.wait(timeout=10)
            except (OSError, subprocess.TimeoutExpired):
                self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        if hasattr(self, "port"):
            self.port.close()
        self.folder.cleanup()
