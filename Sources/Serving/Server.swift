import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// The HTTP server: one thread of its own that answers from the closures of a `Site`. Made, started
/// and stopped by one other thread. A class because both share it.
package final class Server: Sendable {
    private let site: Site
    private let limits: ServerLimits
    private let access: Shared<Access>
    private let counts = Shared(ServerCounters())
    private let gate = LoopGate()
    private let group = Mutex<MultiThreadedEventLoopGroup?>(nil)

    /// `users`: names and their bcrypt hashes; all may come in when there are none. `headers`: what
    /// every answer carries besides ours. `rate`: for all requests together.
    package init(
        site: Site, users: [String: String] = [:], headers: [String: String] = [:],
        rate: RateLimit? = nil, limits: ServerLimits = ServerLimits()
    ) throws(ServingError) {
        self.site = site
        self.limits = limits
        access = Shared(try Access(users: users, headers: headers, rate: rate))
    }

    /// Takes effect with the next request of each client; when it throws nothing has changed.
    package func replace(
        users: [String: String], headers: [String: String], rate: RateLimit?
    ) throws(ServingError) {
        let new = try Access(users: users, headers: headers, rate: rate)
        access.change { $0 = new }
    }

    package var asksForPasswords: Bool { !access.value.isOpen }

    package var counters: ServerCounters { counts.value }

    /// Listens on all of `listeners` or, when it throws, on none. Once in the life of a server.
    package func start(_ listeners: [Listener]) throws(ServingError) -> [OpenListener] {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group.withLock { $0 = group }
        do throws(ServingError) {
            let bootstrap = try bootstrap(on: group)
            var open: [OpenListener] = []
            for listener in listeners {
                open.append(OpenListener(try bind(listener, bootstrap).localAddress))
            }
            return open
        } catch {
            stop()
            throw error
        }
    }

    /// Closes every connection, with whatever is on its way, and ends the thread.
    package func stop() {
        gate.close()
        let group = self.group.withLock { group in
            defer { group = nil }
            return group
        }
        try? group?.syncShutdownGracefully()
    }

    private func bootstrap(
        on group: MultiThreadedEventLoopGroup
    ) throws(ServingError) -> ServerBootstrap {
        let loop = group.next()
        let room: NIOLoopBound<Room>
        do {
            room = try loop.submit { [site, access, limits, counts, gate] in
                let doorman = Doorman(loop: loop, gate: gate, limits: limits)
                let room = Room(
                    site: site, access: access, limits: limits, counters: counts,
                    doorman: doorman)
                return NIOLoopBound(room, eventLoop: loop)
            }.wait()
        } catch {
            throw .thread("\(error)")
        }
        return ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(capacity: limits.readBytes)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try Self.furnish(channel, room.value) }
            }
    }

    private static func furnish(_ channel: any Channel, _ room: Room) throws {
        let connection = Connection(room: room)
        let limits = room.limits
        // None is essential, and sockets in the file system have no such thing.
        let options = channel.syncOptions
        try? options?.setOption(.socketOption(.so_sndbuf), value: limits.sendBufferBytes)
        try? options?.setOption(.socketOption(.so_rcvbuf), value: limits.receiveBufferBytes)
        try? options?.setOption(.tcpOption(.tcp_nodelay), value: 1)
        var decoder = NIOHTTPDecoderLimitConfiguration()
        decoder.maxHeaderFieldSize = limits.headerFieldBytes
        decoder.maxHeaderListSize = limits.headerBytes
        decoder.maxHeaderFieldCount = limits.headerFields
        let requests = HTTPRequestDecoder(
            leftOverBytesStrategy: .dropBytes, limitConfiguration: decoder)
        try channel.pipeline.syncOperations.addHandlers([
            ByteGate(connection), ByteToMessageHandler(requests), HTTPResponseEncoder(), connection,
        ])
        guard room.admit(connection) else { throw ChannelError.ioOnClosedChannel }
    }

    private func bind(
        _ listener: Listener, _ bootstrap: ServerBootstrap
    ) throws(ServingError) -> any Channel {
        switch listener {
        case .descriptor(let number):
            try checkListens(number)
            do {
                return try bootstrap.withBoundSocket(number).wait()
            } catch {
                throw .descriptor(number, errno: (error as? IOError)?.errnoCode ?? EINVAL)
            }
        case .address(let address):
            do {
                let socket = try SocketAddress(ipAddress: address.host, port: address.port)
                return try bootstrap.bind(to: socket).wait()
            } catch let error as IOError {
                throw .listen(address.description, errno: error.errnoCode)
            } catch {
                throw .listen(address.description, errno: EINVAL)
            }
        }
    }
}
