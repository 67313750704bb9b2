import NIOHTTP1

/// What was asked for, as far as it is looked at. Paths are compared, never decoded, and no file
/// has a part in it.
struct Target: Equatable {
    var path: Site.Path
    private var query: Substring

    /// `nil` for what is not a path: a whole URL, `*`, a host.
    init?(_ text: String) {
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = Site.Path(rawValue: String(parts[0])) ?? .other
        query = parts.count == 2 ? parts[1] : ""
    }

    /// The first value of `key` in the query.
    func value(of key: String) -> Substring? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts[0] == key { return parts.count == 2 ? parts[1] : "" }
        }
        return nil
    }
}

extension Site {
    /// A request that is refused whoever sends it; `nil` when it may be answered.
    static func objection(to head: HTTPRequestHead, _ limits: ServerLimits) -> Response? {
        guard head.uri.utf8.count <= limits.targetBytes else {
            return .refusal(.uriTooLong, isLast: true)
        }
        let hosts = head.headers["host"].count
        guard let target = Target(head.uri), hosts == 1 || (hosts == 0 && head.version == .http1_0)
        else { return .refusal(.badRequest, isLast: true) }
        guard head.method == .GET || head.method == .HEAD else {
            var response = Response.refusal(.methodNotAllowed, target.path, isLast: true)
            response.header = ("Allow", "GET, HEAD")
            return response
        }
        return nil
    }

    static func path(of head: HTTPRequestHead) -> Path { Target(head.uri)?.path ?? .other }

    func response(to head: HTTPRequestHead) -> Response {
        guard let target = Target(head.uri) else { return .refusal(.badRequest) }
        let wishes = Preferences(head.headers["accept"])
        switch target.path {
        case .metrics: return metricsResponse(wishes.metricsFormat)
        case .report: return reportResponse(target.value(of: "format"), wishes)
        case .health: return Self.state(.health, unhealthy(), "healthy")
        case .readiness: return Self.state(.readiness, unready(), "ready")
        case .page: return Response(path: .page, status: .ok, content: .html, body: page())
        case .other: return .refusal(.notFound)
        }
    }

    private func metricsResponse(_ format: MetricsFormat) -> Response {
        Response(
            path: .metrics, status: .ok, content: format == .text ? .exposition : .openMetrics,
            body: metrics(format))
    }

    private func reportResponse(_ asked: Substring?, _ wishes: Preferences) -> Response {
        switch asked {
        case "json": reportResponse(.json)
        case "text": reportResponse(.text)
        case nil: reportResponse(wishes.reportFormat)
        default: Response(path: .report, status: .badRequest, body: "format is json or text\n")
        }
    }

    private func reportResponse(_ format: ReportFormat) -> Response {
        Response(
            path: .report, status: .ok, content: format == .json ? .json : .text,
            body: report(format))
    }

    private static func state(_ path: Path, _ trouble: String?, _ fine: String) -> Response {
        Response(
            path: path, status: trouble == nil ? .ok : .serviceUnavailable,
            body: "\(trouble ?? fine)\n")
    }
}
