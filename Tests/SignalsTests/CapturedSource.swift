import Host
import Signals

extension Source {
    /// A source that reads the files of a captured tree and nothing else.
    convenience init(host: Host) {
        self.init(host: host, facts: HostFacts(), watch: Watch(), probes: false)
    }
}
