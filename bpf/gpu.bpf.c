// SPDX-License-Identifier: GPL-2.0
/*
 * Errors of GPUs as NVIDIA's driver reports them. The tracepoint is the module's, so its types are
 * not among the kernel's and its arguments come raw.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "gpu.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} xids SEC(".maps");

/* XIDs that found no room. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

SEC("raw_tp/nvidia_dev_xid")
int BPF_PROG(on_xid, struct pci_dev *device, __u32 code)
{
	const char *name = BPF_CORE_READ(device, dev.init_name);
	__u32 zero = 0;
	__u64 *misses;
	struct gpu_xid *xid = bpf_ringbuf_reserve(&xids, sizeof(*xid), 0);

	if (!xid) {
		misses = bpf_map_lookup_elem(&lost, &zero);
		if (misses)
			__sync_fetch_and_add(misses, 1);
		return 0;
	}
	if (!name)
		name = BPF_CORE_READ(device, dev.kobj.name);
	xid->at = bpf_ktime_get_ns();
	xid->code = code;
	if (bpf_probe_read_kernel_str(xid->device, sizeof(xid->device), name) < 0)
		xid->device[0] = 0;
	bpf_ringbuf_submit(xid, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
