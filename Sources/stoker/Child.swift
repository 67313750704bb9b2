import Glibc

/// The command that the user asked Stoker to start.
struct Child {
    let pid: pid_t
    private(set) var hasEnded = false

    /// Starts `command`, found along PATH, with the signals that Stoker blocks for itself
    /// unblocked.
    init(_ command: [String]) throws(Failure) {
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
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF))
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        arguments.append(nil)
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let status = posix_spawnp(&pid, command[0], nil, &attributes, &arguments, environ)
        guard status == 0 else {
            throw Failure("cannot start \(command[0]): \(String(cString: strerror(status)))")
        }
        self.pid = pid
    }

    /// Notes whether the command has ended.
    mutating func look() {
        var status: CInt = 0
        if !hasEnded && waitpid(pid, &status, WNOHANG) == pid { hasEnded = true }
    }

    /// Passes a signal on; one that the terminal sent has reached the command already.
    func forward(_ event: Interruptions.Event) {
        guard !hasEnded, !event.cameFromTerminal else { return }
        kill(pid, event.signal)
    }
}
