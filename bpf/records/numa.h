/* What the NUMA probe keeps: page-table scans by thread, moved pages by reason. */
#pragma once
#ifndef KERNEL_SLICE
#include <linux/types.h>
#endif

enum {
	NUMA_THREADS = 8192,   /* that scanned since the last reading */
	NUMA_UNDER_WAY = 4096, /* scans at one time */
	NUMA_REASONS = 16,     /* a power of two, so that a mask bounds the index */
};

/* Page-table scans of one thread. */
struct numa_scan {
	__u64 count;
	__u64 nanoseconds;
	__u64 longest; /* ns */
};
_Static_assert(sizeof(struct numa_scan) == 3 * 8, "no padding");

/* Set before the probe is loaded. */
struct numa_config {
	__u32 reason_argument; /* of mm_migrate_pages, counted from 0; it is the last */
	__u32 self;	       /* process that is never looked at */
};
_Static_assert(sizeof(struct numa_config) == 8, "no padding");
