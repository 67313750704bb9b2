import Glibc
import Testing

/// What a test could not set up.
struct SetupError: Error {
    var what: String
    var reason = String(cString: strerror(errno))
}

/// A process of the test's own that does a known thing; killed with its children at the end.
struct Load: ~Copyable {
    let pid: pid_t
    /// The other end of its standard input and output.
    private let channel: CInt

    /// Starts `name` of Tests/Loads/load.c; returns when it is prepared. It begins with `go()`.
    init(prepared name: String, _ arguments: String...) throws {
        try self.init(running: [Self.program.get(), name] + arguments)
        awaitWord(of: name)
    }

    /// Starts it and lets it begin.
    init(_ name: String, _ arguments: String...) throws {
        try self.init(running: [Self.program.get(), name] + arguments)
        awaitWord(of: name)
        go()
    }

    /// Starts a command found along PATH, in a process group of its own.
    init(running command: [String]) throws {
        var ends: [CInt] = [-1, -1]
        let kind = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw SetupError(what: "socket") }
        defer { close(ends[1]) }
        pid = try spawned(command, input: ends[1], output: ends[1])
        channel = ends[0]
    }

    deinit {
        kill(-pid, SIGKILL)
        waitpid(pid, nil, 0)
        close(channel)
    }

    borrowing func go() {
        var word = UInt8(ascii: "!")
        send(channel, &word, 1, CInt(MSG_NOSIGNAL))
    }

    var isRunning: Bool {
        var information = siginfo_t()
        let flags = WEXITED | WNOHANG | WNOWAIT
        return waitid(P_PID, id_t(pid), &information, flags) == 0 && information.si_signo == 0
    }

    private borrowing func awaitWord(of name: String) {
        var word: UInt8 = 0
        if read(channel, &word, 1) != 1 { Issue.record("the load \(name) did not start") }
    }

    /// The compiled loads; clang comes with Swift.
    private static let program = Result {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let program = "/\(root)/.build/load"
        let source = "/\(root)/Tests/Loads/load.c"
        let compiler = try spawned(
            ["clang", "-O1", "-pthread", source, "-o", program], input: 0, output: 1)
        var status: CInt = 0
        waitpid(compiler, &status, 0)
        guard status == 0 else { throw SetupError(what: source, reason: "does not compile") }
        return program
    }
}

private func spawned(_ command: [String], input: CInt, output: CInt) throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    posix_spawn_file_actions_adddup2(&files, input, 0)
    posix_spawn_file_actions_adddup2(&files, output, 1)
    var arguments = command.map { strdup($0) } + [nil]
    defer {
        for argument in arguments { free(argument) }
        posix_spawn_file_actions_destroy(&files)
        posix_spawnattr_destroy(&attributes)
    }
    var pid: pid_t = 0
    errno = posix_spawnp(&pid, command[0], &files, &attributes, &arguments, environ)
    guard errno == 0 else { throw SetupError(what: command[0]) }
    return pid
}
