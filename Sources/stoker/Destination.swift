import Glibc

/// Where the report goes. A file is opened before the measuring, so that a wrong path costs
/// nobody ten seconds, and holds its old content until the report is there.
struct Destination: ~Copyable {
    private let descriptor: CInt
    private let path: String?

    init(_ path: String?) throws(Failure) {
        self.path = path
        guard let path else {
            descriptor = STDOUT_FILENO
            return
        }
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        if path != nil { close(descriptor) }
    }

    borrowing func write(_ text: String) throws(Failure) {
        if path != nil { ftruncate(descriptor, 0) }
        guard Terminal.write(text, to: descriptor) else {
            let reason = String(cString: strerror(errno))
            throw Failure("cannot write the report to \(path ?? "stdout"): \(reason)")
        }
    }
}
