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
        descriptor = try Self.opened(path)
    }

    private static func opened(_ path: String) throws(Failure) -> CInt {
        let planted = Failure(
            "cannot write \(path): somebody else put it into a folder where everybody may;"
                + " name another file")
        guard !isPlanted(path) else { throw planted }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw Failure("cannot write \(path): \(String(cString: strerror(errno)))")
        }
        // Once more, for what was put there meanwhile.
        guard !isPlanted(path) else {
            close(descriptor)
            throw planted
        }
        return descriptor
    }

    /// Whether a file or a link is another user's, in a folder such as /tmp: what the kernel itself
    /// refuses where fs.protected_symlinks and fs.protected_regular are set. Devices are no trap.
    private static func isPlanted(_ path: String) -> Bool {
        var file = stat()
        var folder = stat()
        let parent = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
        guard lstat(path, &file) == 0, stat(parent, &folder) == 0 else { return false }
        let isForAll = folder.st_mode & (S_ISVTX | S_IWOTH) == S_ISVTX | S_IWOTH
        let kind = file.st_mode & S_IFMT
        let isTrap = kind == S_IFLNK || kind == S_IFREG || kind == S_IFIFO
        return isForAll && isTrap && file.st_uid != geteuid() && file.st_uid != folder.st_uid
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
