import Glibc

/// CPU time that this process has used, user and system, in milliseconds.
private func processorMilliseconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

/// The median CPU time of `work`, in milliseconds, after one round that does not count.
func median(of rounds: Int, _ work: () -> Void) -> Double {
    work()
    let times = (0..<max(1, rounds)).map { _ in
        let before = processorMilliseconds()
        work()
        return processorMilliseconds() - before
    }
    return times.sorted()[times.count / 2]
}

func report(_ name: String, _ milliseconds: Double) {
    let figure = "\((milliseconds * 1000).rounded() / 1000)"
    let gap = String(repeating: " ", count: max(1, 40 - name.utf8.count - figure.utf8.count))
    print("  \(name)\(gap)\(figure)")
}
