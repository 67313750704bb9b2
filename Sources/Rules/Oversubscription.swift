import Host
import Signals
import Training

/// Which form of "the job has more work than CPUs" this is.
enum Oversubscription: Equatable { case pool, loaders, cpuset, ranks }

/// The job's threads wait for each other.
struct Crowding {
    var kind: Oversubscription
    var losses: [ThreadLoss]
    var hit: [ThreadLoss]
    var groups: [CulpritGroup]
    /// CPUs that those who wait, and those they wait for, may use; how many would have been kept
    /// busy by what may use no others.
    var allowed: CPUList
    var demand: Double
    var waitedShare: Double
    /// Processes that may use no other CPUs, and the ranks among them.
    var pids: [Int32]
    var rankPIDs: [Int32]
    var workersPerRank: Int

    var ranks: Int { max(rankPIDs.count, 1) }
    var cpusPerRank: Int { max(1, allowed.count / ranks) }
    /// Threads that each process of a rank can compute with when its loaders are fed.
    var poolThreads: Int { max(1, cpusPerRank / (1 + workersPerRank)) }
    var loaderWorkers: Int { max(1, cpusPerRank - 1) }
}

enum CrowdingLimits {
    static let launchShare = Limit(0.05, "share of wall", source: "judgement")
    /// Threads of a job that has CPUs to spare meet on one now and then, for as long as it takes
    /// the scheduler to spread them: below this demand a launch thread must lose twice as much.
    static let crowdedDemand = 0.75
    static let demand = Limit(1, "runnable threads per CPU", source: "judgement")
    static let waited = Limit(
        0.25, "share of runnable time",
        source: "judgement; stas00/ml-engineering counts CPUs by ranks and workers")
    /// A thread that wants a CPU this much of its time counts as one that computes.
    static let computing = 0.5
}

extension Observation {
    /// The job's own crowding, if there is any.
    func crowding() throws(Unavailable) -> Crowding? {
        let threads = try probedThreads()
        guard job.scope == .processes else { return nil }
        let watched = index(threads).pids
        let isInside = { (culprit: Culprit) in
            culprit.kind == .process && watched.contains(culprit.id)
        }
        let least = CrowdingLimits.launchShare.value * Sustained.leastSeen
        guard mayLose(least, in: threads, behind: isInside) else { return nil }
        let losses = losses(in: threads, behind: isInside)
        let candidates = losses.filter {
            $0.isLongLived && CrowdingLimits.launchShare.isReached(by: $0.share)
        }
        let crowd = Crowd(candidates, threads, self)
        let waited = losses.reduce(UInt64(0)) { sum, loss in
            crowd.holds(loss.thread) ? sum &+ loss.nanoseconds : sum
        }
        let demanded = threads.threads.reduce(UInt64(0)) { sum, thread in
            crowd.holds(thread) ? sum &+ thread.time[.running] &+ thread.time[.waiting] : sum
        }
        let demand = whole.perSecond(demanded) / 1e9
        let share = demanded > 0 ? Double(waited) / Double(demanded) : 0
        let cpus = Double(max(crowd.cpus.count, 1))
        let isCrowded =
            demand > CrowdingLimits.demand.value * cpus
            && CrowdingLimits.waited.isReached(by: share)
        let isFull = demand >= CrowdingLimits.crowdedDemand * cpus
        let hit = candidates.filter { loss in
            if isCrowded { return true }
            let counted = isFull ? loss.share : loss.share / 2
            return loss.isLaunch && CrowdingLimits.launchShare.isReached(by: counted)
        }
        guard !hit.isEmpty, isSustained(hit, behind: isInside) else { return nil }
        let ranks = rankPIDs(threads).filter(crowd.holds).sorted()
        let loaders = loaderPIDs(threads, Set(ranks)).filter(crowd.holds)
        return Crowding(
            kind: kind(hit, threads, Set(ranks), loaders, crowd.cpus), losses: losses, hit: hit,
            groups: CulpritGroup.groups(hit), allowed: crowd.cpus, demand: demand,
            waitedShare: share, pids: job.processes.map(\.pid).filter(crowd.holds),
            rankPIDs: ranks, workersPerRank: loaders.count / max(ranks.count, 1))
    }

    /// Processes that hold a launch thread; where none is known, those that no other one started.
    private func rankPIDs(_ threads: Threads) -> Set<Int32> {
        let launch = index(threads).launch
        guard launch.isEmpty else { return Set(launch.map(\.pid)) }
        return Set(job.processes.filter { job.process($0.parent) == nil }.map(\.pid))
    }

    private func loaderPIDs(_ threads: Threads, _ ranks: Set<Int32>) -> Set<Int32> {
        index(threads).loaderPids
            .union(job.processes.map(\.pid)).subtracting(ranks)
    }

    private func kind(
        _ hit: [ThreadLoss], _ threads: Threads, _ ranks: Set<Int32>, _ loaders: Set<Int32>,
        _ allowed: CPUList
    ) -> Oversubscription {
        var own: UInt64 = 0
        var behindLoaders: UInt64 = 0
        var behindOthers: UInt64 = 0
        for loss in hit {
            for claim in loss.claims {
                guard case .waiting(let culprit) = claim.loss else { continue }
                if culprit.id == loss.thread.pid {
                    own &+= claim.nanoseconds
                } else if loaders.contains(culprit.id) {
                    behindLoaders &+= claim.nanoseconds
                } else {
                    behindOthers &+= claim.nanoseconds
                }
            }
        }
        let cpusPerRank = max(1, allowed.count / max(ranks.count, 1))
        let isOwn = own >= max(behindLoaders, behindOthers)
        let hasPool = Set(hit.map(\.thread.pid)).contains {
            computing(threads, in: $0) > cpusPerRank
        }
        if isOwn && hasPool { return .pool }
        if !isOwn && behindLoaders > 0 && behindLoaders >= behindOthers { return .loaders }
        if allowed.count < facts.topology.usable.count { return .cpuset }
        return isOwn ? .pool : ranks.count > 1 ? .ranks : .loaders
    }

    /// Threads of one process that want a CPU most of the time.
    private func computing(_ threads: Threads, in pid: Int32) -> Int {
        threads.threads.count { thread in
            let wanted = thread.time[.running] &+ thread.time[.waiting]
            return thread.pid == pid && share(wanted, of: thread) >= CrowdingLimits.computing
        }
    }
}
