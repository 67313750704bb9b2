import Configuration
import Daemon
import Glibc
import Host
import Outputs
import Rules
import Service
import Serving
import Signals
import Training

/// The daemon from its start to its end: joins the engine, which looks, with those who show and
/// keep what it saw.
struct RunningDaemon: ~Copyable {
    private let host = Host()
    private let options: SettingOptions
    private let notifier: ServiceNotifier
    private let logsToJournal: Bool
    private let hostname: String
    private let latest: Latest
    private let server: Server
    private var settings: DaemonSettings
    private var engine: Engine
    private var history: DaemonHistory
    private var hour = HourOfSums()
    private var counters = MetricCounters()
    private var log: Log
    private var drivers: DriverWatch
    private var aliveAt: UInt64 = 0

    /// The driver of a GPU may take seconds to start; what it says later is not lost.
    private static let workerStart: UInt64 = 200_000_000

    init(_ options: SettingOptions, _ start: ServiceStart) throws(Failure) {
        let read = try Self.read(options, host)
        let settings = read.effective.settings
        let hostname = host.line("/proc/sys/kernel/hostname") ?? ""
        let latest = Latest(hostname: hostname, tick: settings.tick)
        var log = Log(settings, toJournal: start.logsToJournal)
        let server: Server
        do throws(ServingError) {
            server = try Server(
                site: latest.site(), users: read.web.users, headers: read.web.headers,
                rate: read.web.rateLimit)
        } catch { throw Failure(error.reason) }
        // Before the probes: who is refused leaves no trace.
        let engineSettings = EngineSettings(settings)
        let history = try DaemonHistory(
            settings, on: host, hostname: hostname, memoryNanoseconds: engineSettings.memory)
        var facts = HostFacts.read(from: host)
        let worker = GPUOptions.worker(settings.nvml, on: host, &facts, within: Self.workerStart)
        engine = Engine(
            on: host, facts: facts, rules: catalogue, settings: engineSettings,
            gpus: worker)
        drivers = DriverWatch(hasWorker: worker != nil)
        self.options = options
        self.hostname = hostname
        self.settings = settings
        self.latest = latest
        self.server = server
        notifier = start.notifier
        logsToJournal = start.logsToJournal
        for warning in read.effective.warnings + read.web.warnings {
            log.write(.warning, warning.text)
        }
        log.note(history.status, before: nil)
        self.history = history
        self.log = log
    }

    /// Gives privileges away and listens, in this order: threads keep what they are born with.
    mutating func open(_ sockets: [ActivatedSocket]) throws(Failure) {
        do throws(ServiceError) {
            try Capability.keepOnly(Capability.all)
            try Capability.forbidNewOnes()
        } catch {
            log.write(.warning, "privileges are kept: \(error.reason)")
        }
        let listeners: [Listener] =
            sockets.isEmpty
            ? settings.listen.map { .address($0) } : sockets.map { .descriptor($0.descriptor) }
        do throws(ServingError) {
            for listener in try server.start(listeners) {
                log.note(listener, hasUsers: server.asksForPasswords)
            }
        } catch { throw Failure(error.reason) }
        log.note(engine.hooks)
    }

    /// Until a signal ends it, or it has to be started anew to see a driver.
    mutating func run(_ interruptions: Interruptions) -> Ending {
        notifier.ready(status: "looking")
        var next = monotonicNanoseconds()
        while true {
            let pause = engine.look()
            let now = monotonicNanoseconds()
            if now >= next {
                // Ticks that were missed are not made up for.
                next = max(next &+ settings.tick, now)
                tick()
                if needsNewStart() { return .newStart }
            }
            live(monotonicNanoseconds())
            let left = growth(next, monotonicNanoseconds()) / 1_000_000
            switch interruptions.wait(milliseconds: min(pause, left))?.signal {
            case SIGTERM, SIGINT: return .signal
            case SIGHUP: reload()
            default: break
            }
        }
    }

    /// Probes end with the process.
    mutating func stop(_ ending: Ending) {
        notifier.stopping(status: ending.rawValue)
        log.write(.info, "ends", [("reason", ending.rawValue)])
        server.stop()
        history.end()
    }

    enum Ending: String {
        case signal = "ended by a signal"
        case newStart = "starts anew to see a GPU driver"
    }

    /// Who runs it by hand decides when; systemd is told by the exit status.
    private mutating func needsNewStart() -> Bool {
        guard drivers.hasCome(on: host) else { return false }
        if !notifier.isHeard {
            log.write(.warning, "a GPU driver was loaded: start the daemon anew to see it")
        }
        return notifier.isHeard
    }

    private mutating func tick() {
        guard let tick = engine.tick(at: wallClock()) else { return }
        log.note(tick)
        let before = history.status
        history.append(tick)
        log.note(history.status, before: before)
        hour.add(
            tick.step, tick.observation.job, tick.diagnosis, at: tick.sample.monotonic)
        counters.add(tick.step, tick.observation, tick.diagnosis)
        let own = SelfReport(
            tick.own, server.counters, history.status, budget: settings.overheadBudget)
        latest.publish(
            Latest.Snapshot(
                tick: tick, counters: counters, own: own, hour: hour, notes: notes(tick.own)))
    }

    private func notes(_ own: OwnReport) -> [String] {
        var notes: [String] = []
        if let trouble = history.status.trouble { notes.append("no history is kept: \(trouble)") }
        if !own.leftOut.isEmpty {
            let parts = own.leftOut.joined(separator: ", ")
            notes.append("left out to keep to the overhead budget: \(parts)")
        }
        if own.isOverBudget {
            notes.append("above the overhead budget with nothing left to leave out")
        }
        return notes
    }

    /// Only the loop that measures says that it lives.
    private mutating func live(_ now: UInt64) {
        latest.note(now)
        guard let interval = notifier.watchdog, now &- aliveAt >= interval / 3 else { return }
        aliveAt = now
        notifier.alive()
    }

    // MARK: Reading settings

    private struct Reading {
        var effective: EffectiveSettings
        var web: WebConfiguration
    }

    private static func read(_ options: SettingOptions, _ host: Host) throws(Failure) -> Reading {
        do throws(ConfigurationError) {
            let effective = try options.read(from: host)
            let path = effective.settings.webConfiguration
            let web = try path.map { path throws(ConfigurationError) in
                try WebConfiguration.read(path, on: host)
            }
            return Reading(effective: effective, web: web ?? WebConfiguration())
        } catch { throw Failure(error.problems.map(\.text).joined(separator: "; ")) }
    }

    /// All of it or nothing.
    private mutating func reload() {
        notifier.reloading(monotonic: monotonicNanoseconds())
        defer { notifier.ready(status: "looking") }
        let read: Reading
        do throws(Failure) {
            read = try Self.read(options, host)
            let web = read.web
            do throws(ServingError) {
                try server.replace(users: web.users, headers: web.headers, rate: web.rateLimit)
            } catch { throw Failure(error.reason) }
        } catch {
            return log.write(.error, "the configuration stays as it was: \(error.message)")
        }
        take(read.effective)
    }

    private mutating func take(_ effective: EffectiveSettings) {
        let new = effective.settings
        let changes = changes(from: settings, to: new)
        settings = new
        log.take(new, toJournal: logsToJournal)
        latest.change(tick: new.tick)
        let takesMatch = engine.change(EngineSettings(new))
        restartHistory(changes)
        for warning in effective.warnings { log.write(.warning, warning.text) }
        for change in changes {
            let waits =
                change.needsRestart || (!takesMatch && change.key.hasPrefix("training."))
            log.write(
                waits ? .warning : .info,
                waits ? "a setting waits for a restart" : "a setting has changed",
                [("key", change.key), ("from", change.from.yaml), ("to", change.to.yaml)])
        }
        if changes.isEmpty { log.write(.info, "the configuration is the same as before") }
    }
}

extension RunningDaemon {
    /// A recording says how far back its totals remember; and what could not be had at the start
    /// may be there now.
    private mutating func restartHistory(_ changes: [SettingChange]) {
        let before = history.status
        let isNew = changes.contains {
            $0.key.hasPrefix("history.") && !$0.needsRestart || ["window", "tick"].contains($0.key)
        }
        guard isNew || before.trouble != nil else { return }
        history.restart(
            settings, on: host, hostname: hostname, memoryNanoseconds: engine.settings.memory)
        log.note(history.status, before: before)
    }
}

extension EngineSettings {
    init(_ settings: DaemonSettings) {
        self.init()
        tick = settings.tick
        window = settings.window
        raiseAfter = settings.raiseAfter
        clearAfter = settings.clearAfter
        overhead = settings.overheadBudget
        match = settings.training
    }
}
