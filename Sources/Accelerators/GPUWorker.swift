import FoundationEssentials
import Glibc
package import Host

/// What is known of the GPUs now.
package struct GPUAnswer: Sendable {
    package var facts: [GPUFacts] = []
    package var readings: [GPUReading] = []
    /// Why NVIDIA's library gives nothing.
    package var library: LibraryTrouble?
    /// Why this may be old or incomplete, in sentences.
    package var troubles: [String] = []
}

/// The parent's side of the process that asks the drivers: starts it, asks it, and starts it
/// anew when it hangs or dies. It blocks nobody for longer than he allows. A class because the
/// process is one, and several readers may ask it.
package final class GPUWorker {
    private let program: String
    private let arguments: [String]
    private let timing: Timing
    private var child: WorkerChild?
    /// Children that were killed and are not gone: inside a driver a process may not die.
    private var dying: [WorkerChild] = []
    private var last = WorkerAnswer(id: 0, library: nil, devices: [])
    /// Facts of every GPU that was ever described: one that is left out is still there.
    private var known: [String: GPUFacts] = [:]
    private var heardAt: UInt64 = 0
    private var requests: UInt64 = 0
    private var restart = Backoff()
    private var leftOut: [String: Backoff] = [:]
    private var trouble: String?
    package private(set) var starts = 0

    /// How patient it is; ns. Judgement.
    package struct Timing: Sendable {
        /// A worker that says nothing for so long is killed: its main thread asks no driver.
        package var silence: UInt64 = 5_000_000_000
        package var restart = (first: 1_000_000_000 as UInt64, most: 60_000_000_000 as UInt64)
        package var leftOut = (first: 10_000_000_000 as UInt64, most: 600_000_000_000 as UInt64)

        package init() {}
    }

    /// So many that cannot be killed, and none is started any more.
    private static let mostDying = 2

    /// `library`: where NVIDIA's library is, if not where the system has it. `program`: the file
    /// to start, which is this one unless a test says otherwise.
    package init(
        library: String? = nil, root: String = "", program: String = "/proc/self/exe",
        timing: Timing = Timing()
    ) {
        self.program = program
        self.timing = timing
        arguments =
            ["--slots", "\(WorkerChild.slotsPlace)", "--answers", "\(WorkerChild.answersPlace)"]
            + (library.map { ["--nvml", $0] } ?? []) + (root.isEmpty ? [] : ["--root", root])
    }

    deinit {
        child?.end()
        for gone in [child].compactMap({ $0 }) + dying { _ = gone.reaped() }
    }

    /// Every GPU that was ever described.
    package var facts: [GPUFacts] { known.values.sorted { $0.pci < $1.pci } }

    /// The pid of the running worker.
    package var pid: Int32? { child?.pid }

    /// Asks, and waits at most so long, ns. What could not be had is the last that is known.
    package func ask(within nanoseconds: UInt64) -> GPUAnswer {
        let begin = monotonicNanoseconds()
        dying.removeAll { $0.reaped() != nil }
        if child == nil && begin >= restart.until { start(begin) }
        if let child {
            request(child, within: nanoseconds)
            listen(to: child, until: begin &+ nanoseconds)
        }
        let now = monotonicNanoseconds()
        if let child, now &- heardAt >= timing.silence {
            child.end()
            bury(child, "has not answered for \((now &- heardAt) / 1_000_000_000) s", now)
        }
        return answer(at: now)
    }

    private func start(_ now: UInt64) {
        guard dying.count < Self.mostDying else {
            trouble = "\(dying.count) GPU workers hang in the driver and cannot be ended"
            return
        }
        do throws(WorkerFailure) {
            child = try WorkerChild(program: program, arguments: arguments, now: now)
            starts += 1
            heardAt = now
            trouble = nil
        } catch {
            trouble = error.reason
            restart.fail(at: now, timing.restart)
        }
    }

    private func request(_ child: WorkerChild, within nanoseconds: UInt64) {
        requests &+= 1
        let now = monotonicNanoseconds()
        let request = WorkerRequest(
            id: requests, without: leftOut.filter { $0.value.until > now }.keys.sorted(),
            // The rest is for the way here and back.
            milliseconds: nanoseconds / 1_000_000 * 3 / 4)
        guard let data = try? JSONEncoder().encode(request) else { return }
        // A worker that does not take it, or is gone, shows when its answer is read.
        _ = child.send(Array(data) + [UInt8(ascii: "\n")])
    }

    /// Takes answers until the one to the last request has come.
    private func listen(to child: WorkerChild, until deadline: UInt64) {
        while true {
            let now = monotonicNanoseconds()
            switch child.piece(within: deadline > now ? deadline - now : 0) {
            case .line(let line):
                heardAt = now
                guard let answer = try? JSONDecoder().decode(WorkerAnswer.self, from: Data(line))
                else { continue }
                last = answer
                for facts in answer.devices.compactMap(\.facts) { known[facts.pci] = facts }
                if answer.id == requests { return }
            case .nothing: if now >= deadline { return }
            case .end:
                bury(child, nil, now)
                return
            }
        }
    }

    /// Notes why it died, and leaves out what it was at for a while.
    private func bury(_ dead: WorkerChild, _ reason: String?, _ now: UInt64) {
        let open = dead.openCalls
        if now &- dead.startedAt >= timing.restart.most { restart = Backoff() }
        restart.fail(at: now, timing.restart)
        for call in open where !call.device.isEmpty {
            leftOut[call.device, default: Backoff()].fail(at: now, timing.leftOut)
        }
        let how = reason ?? death(dead)
        let place = open.map { $0.device.isEmpty ? $0.call : "\($0.call) of GPU \($0.device)" }
        trouble =
            "the GPU worker \(how)"
            + (place.isEmpty ? "" : " in " + place.sorted().joined(separator: ", "))
        if dead.reaped() == nil { dying.append(dead) }
        child = nil
    }

    private func death(_ dead: WorkerChild) -> String {
        // Its pipe closes a moment before it can be waited for.
        for _ in 0..<20 {
            if let status = dead.reaped() {
                let signal = status & 0x7f
                return signal != 0
                    ? "was ended by signal \(signal)" : "ended with status \(status >> 8 & 0xff)"
            }
            usleep(1_000)
        }
        return "closed its pipe"
    }

    private func answer(at now: UInt64) -> GPUAnswer {
        var answer = GPUAnswer()
        answer.library = last.library
        answer.facts = facts
        answer.readings = last.devices.compactMap(\.reading)
        if last.id == 0 && trouble == nil {
            answer.troubles.append("the GPU worker has not answered yet")
        }
        if let trouble {
            let wait = restart.until > now && child == nil
            let again = wait ? "; it is started again in \(seconds(restart.until - now))" : ""
            answer.troubles.append(trouble + again)
        }
        for (pci, backoff) in leftOut.sorted(by: { $0.key < $1.key }) where backoff.until > now {
            answer.troubles.append(
                "GPU \(pci) is left out for \(seconds(backoff.until - now)): the driver crashed or "
                    + "hung while it was asked")
        }
        if let library = last.library { answer.troubles.append(library.reason) }
        for reading in answer.readings {
            if let trouble = reading.trouble {
                answer.troubles.append("GPU \(reading.pci): \(trouble)")
            }
        }
        return answer
    }

    private func seconds(_ nanoseconds: UInt64) -> String {
        "\((nanoseconds &+ 999_999_999) / 1_000_000_000) s"
    }
}

/// How long to leave alone what failed: twice as long each time.
struct Backoff {
    private(set) var until: UInt64 = 0
    private var delay: UInt64 = 0

    mutating func fail(at now: UInt64, _ limits: (first: UInt64, most: UInt64)) {
        delay = delay == 0 ? limits.first : min(delay &* 2, limits.most)
        until = now &+ delay
    }
}
