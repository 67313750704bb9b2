extension Rest {
    /// `total` ns divided by what else was seen while the GPU idled beyond `usual`.
    init(_ total: Double, of place: Int, _ ranks: [Rank], usual: Double, lengths: [Double]) {
        guard total > 0 else { return }
        let rank = ranks[place]
        let job = ranks.filter { $0.job == rank.job }
        var parts = Rest()
        for window in rank.known {
            var left = max(rank.idle[window] - usual, 0) * lengths[window]
            func take(_ share: Double) -> Double {
                let taken = min(left, max(share, 0) * lengths[window])
                left -= taken
                return taken
            }
            parts.gpu += take(job.map { $0.held[window] }.max() ?? 0)
            parts.fabric += take(job.map { $0.fabric[window] }.max() ?? 0)
            parts.program += take(isProgram(window, rank, job) ? 1 : 0)
            parts.unknown += left
        }
        guard parts.total > 0 else {
            unknown = total
            return
        }
        let scale = total / parts.total
        gpu = parts.gpu * scale
        fabric = parts.fabric * scale
        program = parts.program * scale
        unknown = parts.unknown * scale
    }
}

/// The launch thread had its CPU all the while; or all GPUs idle, and the launch thread of one
/// that they may wait for had.
private func isProgram(_ window: Int, _ rank: Rank, _ job: [Rank]) -> Bool {
    if rank.running[window] >= Matter.allTheWhile { return true }
    let others = job.map { $0.idle[window] }.filter { !$0.isNaN }
    let allIdle = others.allSatisfy { $0 >= rank.idle[window] / 2 }
    return allIdle && job.contains { $0.running[window] >= Matter.allTheWhile }
}
