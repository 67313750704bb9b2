import NIOCore
import NIOHTTP1

/// How much of a request has come in.
struct RequestProgress {
    /// Since the end of the request before it.
    private var bytes = 0
    private var head: HTTPRequestHead?
    private let mostTargetBytes: Int
    private var isFirstLine = true
    private var lineBytes = 0
    private var isTargetTooLong = false

    init(_ limits: ServerLimits) { mostTargetBytes = limits.headerFieldBytes }

    /// Nothing of the next request is here. Not to be asked after a request with a body, which is
    /// the last of its connection.
    var isEmpty: Bool { isFirstLine && lineBytes == 0 && head == nil }

    mutating func take(_ view: ByteBufferView) {
        bytes += view.count
        for byte in view where byte != UInt8(ascii: "\r") {
            if byte == UInt8(ascii: "\n") {
                // An empty line ends a request, or comes before one.
                isFirstLine = lineBytes == 0
                lineBytes = 0
            } else {
                lineBytes += 1
                if isFirstLine && lineBytes > mostTargetBytes { isTargetTooLong = true }
            }
        }
    }

    mutating func begin(_ head: HTTPRequestHead) { self.head = head }

    /// The whole request is here.
    mutating func finish() -> HTTPRequestHead? {
        defer { (bytes, head) = (0, nil) }
        return head
    }

    /// What to answer to more than is allowed.
    func excess(_ limits: ServerLimits) -> HTTPResponseStatus? {
        if head != nil {
            return bytes > limits.headerBytes + limits.bodyBytes ? .payloadTooLarge : nil
        }
        return bytes > limits.headerBytes ? overflow : nil
    }

    private var overflow: HTTPResponseStatus {
        isTargetTooLong ? .uriTooLong : .requestHeaderFieldsTooLarge
    }

    /// What to answer to what is no HTTP.
    func status(for error: HTTPParserError) -> HTTPResponseStatus {
        switch error {
        case .headerOverflow: overflow
        case .invalidVersion: .httpVersionNotSupported
        default: .badRequest
        }
    }
}
