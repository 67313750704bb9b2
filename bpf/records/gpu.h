/* What the GPU probe hands over: one record for each error that the driver reports. */
#pragma once
#ifndef KERNEL_SLICE
#include <linux/types.h>
#endif

struct gpu_xid {
	__u64 at;	 /* CLOCK_MONOTONIC, ns */
	__u32 code;	 /* the XID */
	char device[20]; /* PCI address */
};
_Static_assert(sizeof(struct gpu_xid) == 32, "no padding");
