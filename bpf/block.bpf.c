// SPDX-License-Identifier: GPL-2.0
/* How long block requests took, by device: the kernel stamps each request itself. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "block.h"
#include "ledger.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 256);
	__type(key, struct block_device_key);
	__type(value, struct block_latency);
} devices SEC(".maps");

/* Requests of devices beyond the 256th. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline struct gendisk *disk_of(struct request *request)
{
	struct request___old *old = (struct request___old *)request;

	if (bpf_core_field_exists(request->q->disk))
		return request->q->disk;
	if (bpf_core_field_exists(old->rq_disk))
		return old->rq_disk;
	return 0;
}

static __always_inline struct block_latency *latency_of(struct gendisk *disk)
{
	struct block_device_key key = { disk->major, disk->first_minor };
	struct block_latency *latency = bpf_map_lookup_elem(&devices, &key), fresh = {};

	if (latency)
		return latency;
	bpf_map_update_elem(&devices, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&devices, &key);
}

SEC("tp_btf/block_rq_complete")
int BPF_PROG(on_complete, struct request *request)
{
	struct gendisk *disk = disk_of(request);
	struct block_latency *latency;
	__u64 *misses, spent;
	__u32 zero = 0;

	if (!disk || !request->start_time_ns)
		return 0;
	latency = latency_of(disk);
	if (!latency) {
		misses = bpf_map_lookup_elem(&lost, &zero);
		if (misses)
			__sync_fetch_and_add(misses, 1);
		return 0;
	}
	spent = bpf_ktime_get_ns() - request->start_time_ns;
	if ((__s64)spent > 0)
		latency->slots[slot_of(spent / 1000, BLOCK_SLOTS) & (BLOCK_SLOTS - 1)]++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
