import FoundationEssentials
import NIOHTTP1

/// Who may ask, and what every answer carries. Replaced as a whole while the server runs.
struct Access: Sendable {
    let users: [String: BcryptHash]
    let headers: [(name: String, value: String)]
    /// For all that comes, whoever sends it; `nil`: none.
    let rate: RateLimit?
    /// What passwords of unknown users are checked against, so that they take as long as others.
    let decoy: BcryptHash?

    init(
        users: [String: String], headers: [String: String], rate: RateLimit?
    ) throws(ServingError) {
        var hashes: [String: BcryptHash] = [:]
        for (user, text) in users.sorted(by: { $0.key < $1.key }) {
            guard let hash = BcryptHash(text), !user.contains(":") else {
                throw .password(user: user)
            }
            hashes[user] = hash
        }
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) {
            guard Self.isHeader(name, value) else { throw .header(name) }
        }
        self.users = hashes
        self.rate = rate
        self.headers = headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        decoy = hashes.values.max { $0.cost < $1.cost }
    }

    var isOpen: Bool { users.isEmpty }

    /// Those that say where a response ends or what it is.
    private static let own: Set<String> = [
        "connection", "content-encoding", "content-length", "content-type", "date", "keep-alive",
        "trailer", "transfer-encoding", "upgrade", "www-authenticate",
    ]

    private static func isHeader(_ name: String, _ value: String) -> Bool {
        let isToken = name.utf8.allSatisfy { byte in
            byte > 32 && byte < 127 && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
        }
        let isText = value.utf8.allSatisfy { $0 == 9 || $0 > 31 && $0 != 127 }
        return !name.isEmpty && isToken && isText && !own.contains(name.lowercased())
    }
}

/// What a client says who it is.
struct Credentials: Sendable {
    var user: String
    var password: [UInt8]

    /// From the value of `Authorization`; `nil` for anything but one pair for `Basic`.
    init?(_ fields: [String]) {
        guard fields.count == 1 else { return nil }
        let parts = fields[0].split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic",
            let pair = Data(base64Encoded: String(parts[1])),
            let colon = pair.firstIndex(of: UInt8(ascii: ":")),
            let user = String(validating: pair[..<colon], as: UTF8.self)
        else { return nil }
        self.user = user
        password = Array(pair[pair.index(after: colon)...])
    }

    /// One string of bytes for each pair and hash, and no other.
    func bytes(with hash: String) -> [UInt8] {
        Array("\(user.utf8.count) \(password.count) \(user)\(hash)".utf8) + password
    }
}
