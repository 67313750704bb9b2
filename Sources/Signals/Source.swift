package import Host

/// What readers read from: files, and the loaded probes where the kernel took them.
package struct Source: Sendable {
    package var host: Host

    package init(host: Host) { self.host = host }
}
