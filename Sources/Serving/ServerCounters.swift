/// What the server counted since its start.
package struct ServerCounters: Equatable, Sendable {
    package struct Kind: Hashable, Sendable {
        package var path: Site.Path
        package var status: Int
    }

    /// Answered, by what was asked for and how it was answered.
    package var requests: [Kind: UInt64] = [:]
    package var openConnections = 0
    package var acceptedConnections: UInt64 = 0
    /// Turned away at the door, for all places were taken.
    package var refusedConnections: UInt64 = 0
    /// Closed because the client let us wait, or to make room for another.
    package var droppedConnections: UInt64 = 0
    /// Of the bodies, as they were sent.
    package var sentBytes: UInt64 = 0
    /// With bcrypt; those of clients that were let in before are not among them.
    package var passwordChecks: UInt64 = 0
}
