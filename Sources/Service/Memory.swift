import CService

/// What was taken for a moment goes back to the system afterwards. To be called at the start.
package func returnMemoryAtOnce() { service_return_memory() }
