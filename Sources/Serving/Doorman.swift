import Dispatch
import NIOCore

/// Checks passwords, one at a time and off the server's thread. A class because all connections of
/// the server's thread share it.
final class Doorman {
    enum Answer: Equatable {
        case welcome
        case unknown
        /// Too many tried.
        case later(seconds: Int)
    }

    typealias Reply = (Answer) -> Void

    private struct Visitor {
        var name: KeyedHash.Value
        var hash: BcryptHash
        var isKnown: Bool
        var password: [UInt8]
        var replies: [Reply]
    }

    private let loop: any EventLoop
    private let gate: LoopGate
    private let most: Int
    private let hash = KeyedHash.random()
    private var budget: PasswordBudget
    private var waiting: [Visitor] = []
    /// Who was let in, oldest first, so that a scrape costs no bcrypt.
    private var guests: [KeyedHash.Value] = []
    private var isChecking = false
    private(set) var checks: UInt64 = 0
    private let queue = DispatchQueue(label: "passwords", qos: .utility)

    /// Judgement: more than the users of any host, and 1 kB.
    private static let mostGuests = 64

    init(loop: any EventLoop, gate: LoopGate, limits: ServerLimits) {
        self.loop = loop
        self.gate = gate
        most = limits.waitingPasswords
        budget = PasswordBudget(
            share: limits.passwordShare, most: limits.passwordBurstSeconds,
            now: NIODeadline.now().uptimeNanoseconds)
    }

    /// Calls `reply` now or later, once.
    func ask(_ fields: [String], _ access: Access, _ reply: @escaping Reply) {
        guard let decoy = access.decoy else { return reply(.welcome) }
        guard let credentials = Credentials(fields) else { return reply(.unknown) }
        let known = access.users[credentials.user]
        let hash = known ?? decoy
        let name = self.hash(credentials.bytes(with: hash.text))
        if known != nil && guests.contains(name) { return reply(.welcome) }
        if let index = waiting.firstIndex(where: { $0.name == name }) {
            return waiting[index].replies.append(reply)
        }
        guard waiting.count < most else { return reply(.later(seconds: 1)) }
        waiting.append(
            Visitor(
                name: name, hash: hash, isKnown: known != nil, password: credentials.password,
                replies: [reply]))
        checkNext()
    }

    private func checkNext() {
        guard !isChecking, let visitor = waiting.first else { return }
        let wait = budget.wait(now: NIODeadline.now().uptimeNanoseconds)
        guard wait == 0 else {
            // Those who stand in line would wait for longer still.
            let all = waiting.flatMap(\.replies)
            waiting = []
            let seconds = Int(min(wait, 3600).rounded(.up))
            return all.forEach { $0(.later(seconds: max(1, seconds))) }
        }
        isChecking = true
        checks &+= 1
        let me = NIOLoopBound(self, eventLoop: loop)
        queue.async { [gate, loop, hash = visitor.hash, password = visitor.password] in
            let (matches, seconds) = hash.check(password)
            gate.pass(to: loop) { me.value.checked(matches, seconds) }
        }
    }

    private func checked(_ matches: Bool, _ seconds: Double) {
        isChecking = false
        budget.spend(seconds)
        guard !waiting.isEmpty else { return }
        let visitor = waiting.removeFirst()
        let isWelcome = matches && visitor.isKnown
        if isWelcome {
            if guests.count >= Self.mostGuests { guests.removeFirst() }
            guests.append(visitor.name)
        }
        visitor.replies.forEach { $0(isWelcome ? .welcome : .unknown) }
        checkNext()
    }
}
