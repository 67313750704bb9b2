/// Links, PCIe and the fabric: first what is broken, then what is slow, then settings.
package let fabricRules: [Rule] = [
    .pcieLinkDegraded,
    .pcieErrorsReplay,
    .ibRateDegraded,
    .ibLinkErrors,
    .ibLinkFlap,
    .ibCongestion,
    .roceRetransmits,
    .receiverNotReady,
    .rocePFCECNMisconfig,
    .roceMTU,
]
