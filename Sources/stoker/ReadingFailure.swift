import Outputs
import Recording

extension Failure {
    /// What is wrong with a recording that was to be read.
    init(reading error: RecordingError) {
        switch error {
        case .file(let path, let reason): self.init("cannot read \(path): \(reason)")
        case .notARecording(let path): self.init("\(path) is not a recording")
        case .empty(let path):
            self.init("\(path) does not hold two moments that could be compared")
        case .format(let path, _), .database(let path, _), .damaged(let path, _),
            .locked(let path, _), .tooLarge(let path):
            self.init("cannot read the recording \(path): \(error.reason)")
        case .outOfRange(let path, let from, let to):
            self.init("nothing was recorded then: \(path) holds \(Self.range(from, to))")
        case .tooLong(let path, let from, let to):
            let range = Self.range(from, to)
            self.init("\(path) holds \(range): choose a part with --since and --until")
        }
    }

    private static func range(_ from: Double, _ to: Double) -> String {
        "\(utcTime(from))Z to \(utcTime(to))Z"
    }
}
