import ArgumentParser
import Service

struct DaemonCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daemon", abstract: "Looks all the time: metrics, findings, history.",
        discussion: """
            Runs in the foreground until SIGTERM or SIGINT. SIGHUP reads the configuration \
            anew, or keeps the old one when something is wrong in the new. `stoker config show` \
            tells what holds.

            Exit status: 0 ended by a signal, 2 could not start, 64 usage, 75 to be started \
            anew by systemd: a GPU driver was loaded.
            """)

    @OptionGroup var options: SettingOptions

    func run() throws {
        let start = ServiceStart.taken()
        returnMemoryAtOnce()
        do throws(Failure) {
            // Signals first: threads that are started later must not take them.
            let interruptions = Interruptions()
            var daemon = try RunningDaemon(options, start)
            try daemon.open(start.sockets)
            let ending = daemon.run(interruptions)
            daemon.stop(ending)
            guard ending == .newStart else { return }
        } catch {
            Terminal.complain(error.message)
            throw Exit.failure
        }
        throw Exit.startAnew
    }
}
