import Host
import Signals
import Training

/// Puts back into totals what a recorder that runs for ever has forgotten: threads that ended, and
/// waits behind those that are gone. Kept are those that a step has shown.
struct Remembering {
    private var ended: [ThreadName: ThreadActivity] = [:]
    private var gone: [ThreadName: ThreadActivity] = [:]
    private var waits: [WaitName: Waited] = [:]

    private struct ThreadName: Hashable {
        var tid: Int32
        var startedAt: UInt64
        /// Sums of many ended threads have no tid of their own.
        var name: String

        init(_ thread: ThreadActivity) {
            tid = thread.tid
            startedAt = thread.startedAt
            name = thread.tid > 0 ? "" : thread.name
        }
    }

    private struct WaitName: Hashable {
        var tid: Int32
        var kind: Culprit.Kind
        var id: Int32
    }

    /// A total that begins anew when it was forgotten.
    private struct Waited {
        var culprit: Culprit
        var before: UInt64 = 0
        var now: UInt64
    }

    mutating func note(_ sample: Sample) {
        guard case .success(let threads) = sample.totals[Threads.self] else { return }
        var still: [ThreadName: ThreadActivity] = [:]
        for thread in threads.threads where thread.hasExited || thread.tid <= 0 {
            still[ThreadName(thread)] = thread
        }
        for (name, thread) in ended where still[name] == nil { gone[name] = thread }
        ended = still
        note(threads.waits)
    }

    private mutating func note(_ seen: [Wait]) {
        var totals: [WaitName: Wait] = [:]
        for wait in seen {
            totals[WaitName(tid: wait.tid, kind: wait.culprit.kind, id: wait.culprit.id)] = wait
        }
        for (name, waited) in waits {
            let now = totals[name]?.nanoseconds ?? 0
            if now < waited.now { waits[name]?.before &+= waited.now }
            waits[name]?.now = now
        }
        for (name, wait) in totals where waits[name] == nil {
            waits[name] = Waited(culprit: wait.culprit, now: wait.nanoseconds)
        }
    }

    /// Adds what was forgotten to the totals at the end. What had ended when it began and has not
    /// grown since stays forgotten.
    func complete(_ last: inout Sample, since first: Sample) {
        last.totals[Threads.self] = last.totals[Threads.self].map { threads in
            var threads = threads
            let known = Set(threads.threads.map(ThreadName.init))
            let old = (try? first.totals[Threads.self].get())?.threads ?? []
            let before = Dictionary(
                old.map { (ThreadName($0), $0) }, uniquingKeysWith: { first, _ in first })
            let missing = gone.filter { !known.contains($0.key) && before[$0.key] != $0.value }
            threads.threads += missing.values.sorted {
                ($0.tid, $0.startedAt, $0.name) < ($1.tid, $1.startedAt, $1.name)
            }
            threads.waits = waits.map { name, waited in
                Wait(
                    tid: name.tid, culprit: waited.culprit,
                    nanoseconds: waited.before &+ waited.now)
            }
            return threads
        }
    }
}

extension Job {
    /// With processes and roles that an earlier look knew and this one does not any more.
    func remembering(_ earlier: Job) -> Job {
        let known = Set(processes.map(\.pid))
        let missing = earlier.processes.filter { !known.contains($0.pid) }
        guard !missing.isEmpty || earlier.roles.count > 0 else { return self }
        var job = self
        job.processes = (processes + missing).sorted { $0.pid < $1.pid }
        job.roles.merge(earlier.roles) { own, _ in own }
        return job
    }

    /// Changes are counted since the recording began, or, from now on, since `earlier`.
    mutating func countAffinityChanges(since earlier: Job) {
        for index in processes.indices {
            let before = earlier.process(processes[index].pid)?.affinityChanges ?? [:]
            for (tid, count) in before {
                guard let now = processes[index].affinityChanges[tid] else { continue }
                processes[index].affinityChanges[tid] = max(0, now &- count)
            }
        }
    }
}
