import NIOCore

/// Tells a connection of the bytes before they are read as HTTP, and keeps back those that nobody
/// will look at. A class because NIO asks for one.
final class ByteGate: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let connection: Connection

    init(_ connection: Connection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = Self.unwrapInboundIn(data)
        guard connection.takes(buffer.readableBytesView) else { return }
        context.fireChannelRead(data)
    }
}
