import Host
import Machines
import Rules
import Signals
import Testing
import Training

/// Whatever the files of a host hold, reading them and judging them ends, and traps on nothing.
@Suite struct DamagedMachineTests {
    private static let rounds = 30
    /// One file in so many is damaged in a round; of the tables of /proc, one in three.
    private static let part = 24
    private static let tablePart = 3

    @Test(.timeLimit(.minutes(2)), arguments: [Machine.workstation, .withOddNodes, .withGaps])
    func anyDamageIsSurvived(machine: Machine) throws {
        let tree = Tree()
        try machine.write(to: tree)
        let files = tree.files
        var dice = Dice(UInt64(20_263 + machine.cpus.count))
        for round in 0..<Self.rounds {
            let hit = files.filter { path in
                let isTable = path.split(separator: "/").count == 2
                let part = isTable ? Self.tablePart : Self.part
                return Int.random(in: 0..<part, using: &dice) == 0
            }
            var whole: [(path: String, bytes: [UInt8])] = []
            for path in hit {
                guard let bytes = try? tree.host.bytes(path) else { continue }
                whole.append((path, bytes))
                try tree.write(path, bytes: Damage.of(bytes, using: &dice))
            }
            let diagnosis = readAndJudge(machine, tree.host, length: UInt64(round))
            #expect(diagnosis.findings.allSatisfy { !$0.summary.isEmpty })
            for (path, bytes) in whole { try tree.write(path, bytes: bytes) }
        }
    }

    private func readAndJudge(_ machine: Machine, _ host: Host, length: UInt64) -> Diagnosis {
        let source = Source(
            host: host, facts: HostFacts.read(from: host), watch: Watch(pids: machine.jobPids),
            probes: false)
        let sensors = Sensors(on: source)
        var watcher = JobWatcher(
            on: host, scope: .processes, gpus: GPUTable(source.facts.devices))
        let earlier = sensors.sample()
        var later = sensors.sample()
        later.monotonic = earlier.monotonic + length * 1_000_000_000
        let window = sensors.window(from: earlier, to: later)
        let threads = (try? window(Threads.self)) ?? Threads()
        watcher.update(threads)
        watcher.watchAffinity()
        return diagnose(
            catalogue,
            Observation(
                facts: source.facts, job: watcher.job(threads), whole: window, timeline: [window],
                coverage: window.change.coverage(of: allSignals)))
    }
}

/// Ways in which a file can be other than expected.
private enum Damage {
    private static let numbers = ["18446744073709551615", "-1", "9223372036854775807", "x", ""]

    static func of(_ bytes: [UInt8], using dice: inout Dice) -> [UInt8] {
        let place = bytes.isEmpty ? 0 : Int.random(in: 0..<bytes.count, using: &dice)
        switch Int.random(in: 0..<6, using: &dice) {
        case 0: return Array(bytes[..<place])
        case 1: return Array(bytes[place...]) + bytes[..<place]
        case 2: return (0..<64).map { _ in UInt8.random(in: 0...255, using: &dice) }
        case 3: return bytes + bytes
        case 4:
            var changed = bytes
            if !bytes.isEmpty { changed[place] = UInt8.random(in: 0...255, using: &dice) }
            return changed
        default:
            let number = numbers.randomElement(using: &dice) ?? ""
            return replacingNumbers(in: bytes, by: Array(number.utf8), using: &dice)
        }
    }

    /// Every second number, on average, becomes `other`.
    private static func replacingNumbers(
        in bytes: [UInt8], by other: [UInt8], using dice: inout Dice
    ) -> [UInt8] {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        var changed: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard digits.contains(bytes[index]) else {
                changed.append(bytes[index])
                index += 1
                continue
            }
            let end = bytes[index...].firstIndex { !digits.contains($0) } ?? bytes.count
            changed += Bool.random(using: &dice) ? other : Array(bytes[index..<end])
            index = end
        }
        return changed
    }
}
