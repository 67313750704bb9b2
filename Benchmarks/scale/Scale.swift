import Glibc
import Host
import Machines
import Rules
import Signals
import Training

/// CPU time of one tick on the largest host there is. The only argument is the number of rounds;
/// exit status 1 means that interrupts and rules are over the budget.
@main struct Scale {
    /// For /proc/interrupts, read and subtracted, and every rule.
    private static let budgetMilliseconds = 20.0
    /// Windows of the timeline, a second each.
    private static let steps: UInt64 = 10

    private let machine: Machine
    private let rounds: Int

    static func main() throws {
        let rounds = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 21
        let (tick, budgeted) = try Scale(rounds: rounds).tick()
        print("")
        report("one tick", tick)
        report("of it interrupts and rules", budgeted)
        report("budget of these", budgetMilliseconds)
        exit(budgeted <= budgetMilliseconds ? 0 : 1)
    }

    /// 256 CPUs, 8 nodes, 1,000 busy interrupts, 4,000 threads.
    private init(rounds: Int) {
        var machine = Machine.eightSockets
        machine.ranks = []
        machine.addRanks(nodes: Array(machine.nodes.indices), threads: 492, loaders: 8)
        machine.vectorRate = 2_000
        self.machine = machine
        self.rounds = rounds
    }

    private func tick() throws(FileError) -> (all: Double, budgeted: Double) {
        let tree = Tree()
        try machine.write(to: tree)
        let recording = try Recording(of: machine, in: tree, for: Self.steps)
        let quiet = recording.observation()
        let troubled = recording.observation { totals, seconds in
            machine.addInterruptLoad(&totals, seconds)
            machine.addForeignWork(&totals, seconds)
            machine.addMigrations(&totals, seconds)
        }
        print(
            "\(machine.online.count) CPUs, \(machine.nodes.count) nodes, "
                + "\(machine.interrupts.count) interrupts, "
                + "\(machine.threads(after: 0).threads.count) threads; ms of CPU time, median of "
                + "\(rounds) rounds")
        let source = Source(
            host: tree.host, facts: quiet.facts, watch: Watch(pids: machine.jobPids),
            probes: false)
        let (read, subtracted) = (reading(source), subtracting(source))
        let judged = max(judging("quiet", quiet), judging("troubled", troubled))
        return (
            read.all + subtracted.all + judged, read.interrupts + subtracted.interrupts + judged
        )
    }

    /// The ledger comes from the kernel's maps, which a tree of files has not.
    private var fileSignals: [any Signal.Type] { allSignals.filter { $0.name != Threads.name } }

    private func reading(_ source: Source) -> (all: Double, interrupts: Double) {
        print("\nReading")
        var times = (all: 0.0, interrupts: 0.0)
        for signal in fileSignals {
            let sensors = Sensors([signal], on: source)
            let time = median(of: rounds) { _ = sensors.sample() }
            report(signal.name, time)
            times.all += time
            if signal.name == Interrupts.name { times.interrupts = time }
        }
        report("all", times.all)
        return times
    }

    /// The ledger is made up here, and subtracted like the rest.
    private func subtracting(_ source: Source) -> (all: Double, interrupts: Double) {
        print("\nSubtracting")
        let sensors = Sensors(fileSignals, on: source)
        var (earlier, later) = (sensors.sample(), sensors.sample())
        machine.addProbed(to: &earlier.totals, after: 0)
        machine.addProbed(to: &later.totals, after: 1)
        var interrupts = 0.0
        for signal in allSignals {
            let time = median(of: rounds) { _ = Window(from: earlier, to: later, of: [signal]) }
            report(signal.name, time)
            if signal.name == Interrupts.name { interrupts = time }
        }
        let time = median(of: rounds) { _ = Window(from: earlier, to: later, of: allSignals) }
        report("all", time)
        return (time, interrupts)
    }

    private func judging(_ name: String, _ observation: Observation) -> Double {
        print("\nRules on the \(name) machine, the ten dearest")
        let prepared = observation.prepared()
        let times = catalogue.map { rule in
            (rule.id, median(of: rounds) { _ = rule.findings(in: prepared) })
        }
        report("sorted before all rules", median(of: rounds) { _ = observation.prepared() })
        for (id, time) in times.sorted(by: { $0.1 > $1.1 }).prefix(10) { report(id, time) }
        let all = median(of: rounds) { _ = diagnose(catalogue, observation) }
        report("all, ranked", all)
        return all
    }
}
