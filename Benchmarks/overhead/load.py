"""A load that stands ready and works in bursts, when it is told to."""
import subprocess


class Load:
    """One process of `loads`. A class because it owns the process."""

    def __init__(self, built, name, operations, cpu):
        self.name, self.operations, self.used = name, operations, 0.0
        self.process = subprocess.Popen([built / "loads", name, str(operations), str(cpu)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self.process.pid

    def __enter__(self):
        try:
            self.answer()
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def begin(self):
        """Lets it work without waiting for the end."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} {self.operations} ended with {self.process.wait()}")
        return line.strip()

    def burst(self):
        """CPU nanoseconds of an operation; `used` adds up CPU seconds."""
        self.begin()
        figure = float(self.answer())
        self.used += figure * self.operations / 1e9
        return figure

    def bursts(self, count):
        return [self.burst() for _ in range(count)]
