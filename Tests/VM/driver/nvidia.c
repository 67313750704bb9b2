// SPDX-License-Identifier: GPL-2.0
/*
 * Stands for NVIDIA's driver, as far as errors of GPUs go: /proc/driver/nvidia, which tells that it
 * is there, and its tracepoint. What is written to the parameter `xid`, such as "0000:01:00.0 79",
 * happens to that PCI device; nothing of it goes to the kernel's log.
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/proc_fs.h>

#define CREATE_TRACE_POINTS
#include "nvidia_trace.h"

static struct proc_dir_entry *folder;

static int happen(const char *text, const struct kernel_param *parameter)
{
	unsigned int domain, bus, slot, function, code;
	struct pci_dev *device;

	if (sscanf(text, "%x:%x:%x.%x %u", &domain, &bus, &slot, &function, &code) != 5)
		return -EINVAL;
	device = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, function));
	if (!device)
		return -ENODEV;
	trace_nvidia_dev_xid(device, code, "of a test");
	pci_dev_put(device);
	return 0;
}

static const struct kernel_param_ops operations = { .set = happen };
module_param_cb(xid, &operations, NULL, 0200);

static int __init start(void)
{
	folder = proc_mkdir("driver/nvidia", NULL);
	return folder ? 0 : -ENOMEM;
}

static void __exit end(void)
{
	proc_remove(folder);
}

module_init(start);
module_exit(end);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("stands for NVIDIA's driver in tests");
