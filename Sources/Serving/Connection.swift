import Glibc
import NIOCore
import NIOHTTP1

/// One client: reads its requests and answers them one after the other, and reads nothing while an
/// answer is on its way. A class because NIO asks for one.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private enum Phase: Int {
        /// Waits for a request, or for the rest of one.
        case idle, receiving
        /// The answer is being made, or sent.
        case answering, sending
        /// Said its last; what still comes is thrown away.
        case lingering
        case closed
    }

    /// What came in and was not answered.
    private enum Item {
        case request(HTTPRequestHead)
        case refusal(Response)
    }

    private let room: Room
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    private var since = NIODeadline.now()
    private var deadline: Scheduled<Void>?
    private var queue: [Item] = []
    private var progress: RequestProgress
    /// Whatever follows is not looked at.
    private var isDeaf = false
    private var isInputClosed = false
    private var isAdvancing = false
    private var hasAnswered = false

    init(room: Room) {
        self.room = room
        progress = RequestProgress(room.limits)
    }

    // MARK: For the room

    var isSending: Bool { phase == .sending }

    /// Those that sent nothing give way first, then those that wait longest.
    var staleness: (Int, NIODeadline) { (phase.rawValue, since) }

    func waitsForClient(longerThan seconds: Double) -> Bool {
        switch phase {
        case .idle, .receiving, .lingering: true
        case .sending: NIODeadline.now() - since > .seconds(seconds)
        case .answering, .closed: false
        }
    }

    /// Closes at once, and has the kernel forget what the client has not read.
    func abort() {
        let socket = context?.channel as? any SocketOptionProvider
        _ = socket?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        close()
    }

    private func close() {
        enter(.closed, for: nil)
        context?.close(promise: nil)
    }

    // MARK: What comes in

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        room.left(self)
    }

    func channelActive(context: ChannelHandlerContext) {
        enter(.idle, for: room.limits.requestSeconds)
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        queue = []
        enter(.closed, for: nil)
    }

    /// Whether `bytes` are to be read as HTTP.
    func takes(_ bytes: ByteBufferView) -> Bool {
        guard !isDeaf && phase != .lingering && phase != .closed else { return false }
        progress.take(bytes)
        if phase == .idle { enter(.receiving, for: room.limits.requestSeconds) }
        return true
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isDeaf else { return }
        switch Self.unwrapInboundIn(data) {
        case .head(let head):
            progress.begin(head)
            if let objection = Site.objection(to: head, room.limits) { refuse(objection) }
        case .body: break
        case .end:
            if let head = progress.finish() { queue.append(.request(head)) }
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !isDeaf, let status = progress.excess(room.limits) {
            refuse(.refusal(status, isLast: true))
        }
        advance()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return close() }
        guard !isDeaf else { return }
        refuse(.refusal(progress.status(for: error), isLast: true))
        advance()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return }
        isInputClosed = true
        advance()
    }

    private func refuse(_ response: Response) {
        isDeaf = true
        queue.append(.refusal(response))
    }

    // MARK: What goes out

    /// Answers what is in the queue, and then waits for more.
    private func advance() {
        // What is sent may be with the kernel before the function that sends it returns.
        guard !isAdvancing else { return }
        isAdvancing = true
        defer { isAdvancing = false }
        while phase == .idle || phase == .receiving, !queue.isEmpty {
            answer(queue.removeFirst())
        }
        guard queue.isEmpty else { return }
        switch phase {
        case .idle, .receiving, .lingering:
            if isInputClosed { return close() }
            context?.read()
        case .answering, .sending, .closed: return
        }
    }

    private func answer(_ item: Item) {
        enter(.answering, for: nil)
        switch item {
        case .refusal(let response): send(response, to: nil)
        case .request(let head):
            let wait = room.requestWait()
            guard wait == 0 else { return send(later(wait, head), to: head) }
            let access = room.rules
            room.doorman.ask(head.headers["authorization"], access) { [self] answer in
                guard phase == .answering else { return }
                send(response(to: head, answer), to: head)
            }
        }
    }

    private func response(to head: HTTPRequestHead, _ answer: Doorman.Answer) -> Response {
        switch answer {
        case .welcome: return room.response(to: head)
        case .unknown:
            var response = Response.refusal(.unauthorized, Site.path(of: head))
            response.header = ("WWW-Authenticate", "Basic realm=\"stoker\", charset=\"UTF-8\"")
            return response
        case .later(let seconds): return later(Double(seconds), head)
        }
    }

    private func later(_ seconds: Double, _ head: HTTPRequestHead) -> Response {
        var response = Response.refusal(.tooManyRequests, Site.path(of: head))
        response.header = ("Retry-After", "\(Int(seconds.rounded(.up)))")
        return response
    }

    private func send(_ response: Response, to head: HTTPRequestHead?) {
        guard let context else { return }
        let outgoing = room.outgoing(response, to: head)
        room.count(response)
        enter(.sending, for: room.limits.responseSeconds)
        let done = context.eventLoop.makePromise(of: Void.self)
        let (bytes, isLast) = (outgoing.body?.readableBytes ?? 0, outgoing.isLast)
        done.futureResult.assumeIsolated().whenSuccess { [self] in sent(bytes, isLast) }
        context.write(Self.wrapOutboundOut(.head(outgoing.head)), promise: nil)
        if let body = outgoing.body {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        }
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: done)
    }

    /// The kernel has the whole response.
    private func sent(_ bytes: Int, _ isLast: Bool) {
        guard phase == .sending else { return }
        room.count { $0.sentBytes &+= UInt64(bytes) }
        hasAnswered = true
        if isLast {
            // Closing with bytes unread would make the kernel throw away the response.
            isDeaf = true
            queue = []
            enter(.lingering, for: room.limits.lingerSeconds)
            context?.close(mode: .output, promise: nil)
        } else if progress.isEmpty {
            enter(.idle, for: room.limits.idleSeconds)
        } else {
            enter(.receiving, for: room.limits.requestSeconds)
        }
        advance()
    }

    // MARK: Time

    private func enter(_ phase: Phase, for seconds: Double?) {
        self.phase = phase
        since = .now()
        deadline?.cancel()
        deadline = nil
        guard let seconds, let loop = context?.eventLoop else { return }
        deadline = loop.assumeIsolated().scheduleTask(in: .seconds(seconds)) { [self] in expire() }
    }

    private func expire() {
        switch phase {
        case .receiving:
            refuse(.refusal(.requestTimeout, isLast: true))
            room.count { $0.droppedConnections &+= 1 }
            advance()
        case .lingering: close()
        case .idle where hasAnswered: close()
        case .idle, .answering, .sending, .closed: room.drop(self)
        }
    }
}

extension TimeAmount {
    fileprivate static func seconds(_ seconds: Double) -> TimeAmount {
        .nanoseconds(Int64(seconds * 1e9))
    }
}
