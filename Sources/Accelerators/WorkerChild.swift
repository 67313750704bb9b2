import CNVML
import Glibc

/// A worker that runs, and the pipes to it. A class because closing it must happen once.
final class WorkerChild {
    let pid: pid_t
    let startedAt: UInt64
    private let requests: CInt
    private let answers: CInt
    private let slots: WorkerSlots?
    private var lines: LineReader

    /// Descriptors as the worker sees them.
    static let slotsPlace: CInt = 3
    static let answersPlace: CInt = 4

    /// Starts `program`. It ends when this process does: its requests then end.
    init(program: String, arguments: [String], now: UInt64) throws(WorkerFailure) {
        guard let toChild = Pipe(), let fromChild = Pipe() else {
            throw WorkerFailure("no descriptors for a GPU worker")
        }
        let memory = raised(worker_slots_create())
        defer {
            for descriptor in [toChild.reading, fromChild.writing, memory] where descriptor >= 0 {
                close(descriptor)
            }
        }
        (requests, answers) = (toChild.writing, fromChild.reading)
        slots = memory >= 0 ? WorkerSlots(descriptor: memory) : nil
        lines = LineReader(descriptor: answers, longest: WorkerAnswer.longest)
        startedAt = now
        let inherited = [
            (toChild.reading, STDIN_FILENO), (memory, Self.slotsPlace),
            (fromChild.writing, Self.answersPlace),
        ]
        var pid: pid_t = 0
        var status: CInt = EAGAIN
        // Not from the main thread: the ledger takes what that one starts for the user's command.
        let spawned = SpawnResult()
        if onNewThread(
            waits: true,
            {
                spawned.set(spawn(program, ["stoker", "gpu-worker"] + arguments, inherited))
            })
        {
            (pid, status) = spawned.value
        }
        self.pid = pid
        for descriptor in [requests, answers] {
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        }
        guard status == 0 else {
            throw WorkerFailure("cannot start the GPU worker: \(String(cString: strerror(status)))")
        }
    }

    deinit {
        close(requests)
        close(answers)
        slots?.unmap()
    }

    /// False when the worker does not take it now.
    func send(_ line: [UInt8]) -> Bool {
        // A worker that died would raise SIGPIPE, which ends a process that does not ignore it.
        withoutSIGPIPE { writeAll(line, to: requests) }
    }

    /// What came within that time.
    func piece(within nanoseconds: UInt64) -> LineReader.Piece {
        var entry = pollfd(descriptor: answers)
        let milliseconds = CInt(clamping: nanoseconds / 1_000_000)
        _ = poll(&entry, 1, milliseconds)
        return lines.piece()
    }

    /// Calls into the drivers that were begun and have not come back.
    var openCalls: [OpenCall] { slots?.open ?? [] }

    func end() { kill(pid, SIGKILL) }

    /// Its exit status if it is gone: a process inside a driver may refuse to die for long.
    func reaped() -> CInt? {
        var status: CInt = 0
        let result = waitpid(pid, &status, WNOHANG)
        if result == pid { return status }
        return result < 0 && errno == ECHILD ? 0 : nil
    }
}

/// The result of a thread that somebody waits for. A class because both share it, one after the
/// other.
private final class SpawnResult: @unchecked Sendable {
    private(set) var value: (pid: pid_t, status: CInt) = (0, EAGAIN)

    func set(_ value: (pid: pid_t, status: CInt)) { self.value = value }
}

/// Both ends of a pipe that children do not inherit, out of the way of the places that a worker
/// has its descriptors in.
private struct Pipe {
    let reading: CInt
    let writing: CInt

    init?() {
        var ends: [CInt] = [-1, -1]
        guard closed_pipe(&ends) == 0 else { return nil }
        (reading, writing) = (raised(ends[0]), raised(ends[1]))
        guard reading >= 0, writing >= 0 else { return nil }
    }
}

/// The same file by a number from 10 on.
private func raised(_ descriptor: CInt) -> CInt {
    guard descriptor >= 0 else { return descriptor }
    let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 10)
    close(descriptor)
    return copy
}

/// Starts `program` with these descriptors at these places, nothing else open, no signal blocked,
/// out of reach of the terminal's signals.
private func spawn(
    _ program: String, _ arguments: [String], _ inherited: [(from: CInt, to: CInt)]
) -> (pid: pid_t, status: CInt) {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var defaults = sigset_t()
    sigemptyset(&defaults)
    sigaddset(&defaults, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &defaults)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
        &attributes,
        Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // What the vendor's library prints must not get between the answers.
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    for (from, to) in inherited where from >= 0 {
        posix_spawn_file_actions_adddup2(&actions, from, to)
    }
    var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    var pid: pid_t = 0
    let status = posix_spawn(&pid, program, &actions, &attributes, &words, environ)
    return (pid, status)
}

/// Runs `body` with SIGPIPE held back, and takes one away that came meanwhile.
private func withoutSIGPIPE<Value>(_ body: () -> Value) -> Value {
    var pipe = sigset_t()
    var before = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    pthread_sigmask(SIG_BLOCK, &pipe, &before)
    let value = body()
    if sigismember(&before, SIGPIPE) == 0 {
        var none = timespec()
        while sigtimedwait(&pipe, nil, &none) == SIGPIPE {}
    }
    pthread_sigmask(SIG_SETMASK, &before, nil)
    return value
}
