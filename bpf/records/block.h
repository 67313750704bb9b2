/* What the block probe counts for each device. */
#pragma once
#ifndef KERNEL_SLICE
#include <linux/types.h>
#endif

enum { BLOCK_SLOTS = 32 };

struct block_device_key {
	__u32 major;
	__u32 minor;
};

struct block_latency {
	__u64 slots[BLOCK_SLOTS]; /* completed requests, by log2 of microseconds */
};
_Static_assert(sizeof(struct block_latency) == BLOCK_SLOTS * 8, "no padding");
