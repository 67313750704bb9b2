import Testing

@testable import Serving

@Suite struct PreferencesTests {
    @Test(arguments: [
        // Debian's Prometheus 2.42, and 3 with and without its preference for protobuf.
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            true
        ),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            true
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            true
        ),
        ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5", false),
        ("APPLICATION/OpenMetrics-Text ; version=1.0.0 ; q=0.3 , */* ; q=0.1", true),
        ("application/openmetrics-text", true),
        ("application/openmetrics-text;version=0.0.1", false),
        ("application/openmetrics-text;version=2.0.0,text/plain", false),
        ("application/openmetrics-text;q=0", false),
        ("application/openmetrics-text;q=2", false),
        ("application/openmetrics-text;q=nan", false),
        ("application/openmetrics-text;q=", true),
        ("application/openmetrics-text;q=-1,text/plain", false),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
        ("*/*", false), ("", false), (",,;;,=;q", false), ("application/json", false),
    ])
    func choosesTheMetricsFormat(accept: String, isOpenMetrics: Bool) {
        #expect((Preferences([accept]).metricsFormat == .openMetrics) == isOpenMetrics)
    }

    @Test func readsAllFieldsOfAName() {
        let fields = ["text/plain;q=0.5", "application/openmetrics-text;version=1.0.0;q=0.6"]
        #expect(Preferences(fields).metricsFormat == .openMetrics)
        #expect(Preferences([]).metricsFormat == .text)
    }

    @Test(arguments: [
        ("text/plain", true), ("text/plain;q=0.5", true), ("text/plain, */*", true),
        ("application/json, text/plain, */*", false), ("*/*", false), ("", false),
        ("text/html,*/*;q=0.8", false), ("text/plain;q=0.5, */*", false),
        ("text/plain;q=0", false), ("application/json;q=0.5,text/plain", true),
    ])
    func choosesTheReportFormat(accept: String, isText: Bool) {
        #expect((Preferences([accept]).reportFormat == .text) == isText)
    }

    @Test(arguments: [
        ("gzip", true), ("gzip, deflate, br", true), ("GZIP;q=0.5", true), ("x-gzip", true),
        ("*", true), ("identity, gzip;q=0.5", false), ("gzip;q=0", false), ("gzip;q=0, *", false),
        ("", false), ("deflate", false), ("identity", false), ("gzipped", false),
    ])
    func compressesOnlyForThoseWhoWantIt(field: String, isWanted: Bool) {
        #expect(Preferences([field]).takesGzip == isWanted)
    }
}
