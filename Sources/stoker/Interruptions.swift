import Glibc

/// Signals, taken as data instead of at any moment. They are blocked for this process; a child
/// gets them unblocked.
struct Interruptions {
    private var set = sigset_t()

    struct Event {
        var signal: CInt
        /// The terminal sent it, and so to every process of the foreground group.
        var cameFromTerminal: Bool
    }

    init() {
        sigemptyset(&set)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD] {
            sigaddset(&set, signal)
        }
        pthread_sigmask(SIG_BLOCK, &set, nil)
        signal(SIGPIPE, SIG_IGN)
    }

    /// Sleeps that long, or until a signal comes.
    func wait(milliseconds: UInt64) -> Event? {
        var set = set
        var information = siginfo_t()
        var time = timespec(
            tv_sec: Int(milliseconds / 1_000), tv_nsec: Int(milliseconds % 1_000) * 1_000_000)
        let signal = sigtimedwait(&set, &information, &time)
        guard signal > 0 else { return nil }
        // Positive codes are the kernel's own: the terminal, for a keyboard's signal.
        return Event(signal: signal, cameFromTerminal: information.si_code > 0)
    }
}
