/// What the server shows. Each closure answers at once with what was last prepared, and is called
/// on the server's thread.
package struct Site: Sendable {
    package enum MetricsFormat: Sendable, CaseIterable {
        /// The text format 0.0.4 of Prometheus.
        case text
        /// OpenMetrics 1.0.
        case openMetrics
    }

    package enum ReportFormat: Sendable, CaseIterable {
        case json, text
    }

    /// What is counted apart.
    package enum Path: String, Sendable, CaseIterable {
        case metrics = "/metrics"
        case report = "/report"
        case health = "/healthz"
        case readiness = "/readyz"
        case page = "/"
        /// Whatever else was asked for.
        case other
    }

    package var metrics: @Sendable (MetricsFormat) -> String
    package var report: @Sendable (ReportFormat) -> String
    /// HTML without scripts: none would run.
    package var page: @Sendable () -> String
    /// Why not yet, in one line; `nil` when ready.
    package var unready: @Sendable () -> String?
    /// What is broken, in one line; `nil` when healthy.
    package var unhealthy: @Sendable () -> String?

    package init(
        metrics: @escaping @Sendable (MetricsFormat) -> String,
        report: @escaping @Sendable (ReportFormat) -> String,
        page: @escaping @Sendable () -> String,
        unready: @escaping @Sendable () -> String?,
        unhealthy: @escaping @Sendable () -> String?
    ) {
        self.metrics = metrics
        self.report = report
        self.page = page
        self.unready = unready
        self.unhealthy = unhealthy
    }
}
