import Glibc

/// Sends from a thread of its own while the test reads. A class because both share it.
final class Sender: @unchecked Sendable {
    private let client: Client
    private let text: String
    private var thread = pthread_t()

    init(_ client: Client, _ text: String) {
        self.client = client
        self.text = text
        pthread_create(
            &thread, nil,
            { sender in
                guard let sender else { return nil }
                let it = Unmanaged<Sender>.fromOpaque(sender).takeRetainedValue()
                it.client.send(it.text)
                return nil
            }, Unmanaged.passRetained(self).toOpaque())
    }

    func join() { pthread_join(thread, nil) }
}
