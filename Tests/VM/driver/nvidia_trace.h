/* SPDX-License-Identifier: GPL-2.0 */
/* The tracepoint with the arguments that NVIDIA's has, kernel-open/nvidia/nv-tracepoint.h. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvidia

#if !defined(STOKER_NVIDIA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define STOKER_NVIDIA_TRACE_H

#include <linux/tracepoint.h>

struct pci_dev;

/* clang-format off */
TRACE_EVENT(nvidia_dev_xid,
	TP_PROTO(const struct pci_dev *pdev, uint32_t error_code, const char *msg),
	TP_ARGS(pdev, error_code, msg),
	TP_STRUCT__entry(__field(u32, code)),
	TP_fast_assign(__entry->code = error_code;),
	TP_printk("%u", __entry->code)
);
/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE nvidia_trace
#include <trace/define_trace.h>
