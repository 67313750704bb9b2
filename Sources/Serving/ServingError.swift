import Glibc

/// Why the server cannot start, or cannot take new settings.
package enum ServingError: Error, Equatable {
    case listen(String, errno: CInt)
    /// A descriptor that was handed in is not a listening socket.
    case descriptor(CInt, errno: CInt)
    /// A header that is not ours to give away, or that no client would understand.
    case header(String)
    /// Not a bcrypt hash that can be checked in reasonable time.
    case password(user: String)
    case thread(String)

    /// One line for the operator.
    package var reason: String {
        switch self {
        case .listen(let address, let code):
            "cannot listen on \(address): \(String(cString: strerror(code)))"
        case .descriptor(let number, let code):
            "descriptor \(number) is no listening socket: \(String(cString: strerror(code)))"
        case .header(let name):
            "the header “\(name)” cannot be set"
        case .password(let user):
            "the password of “\(user)” is no bcrypt hash of a cost up to \(BcryptHash.highestCost)"
        case .thread(let reason):
            "cannot start the server: \(reason)"
        }
    }
}
