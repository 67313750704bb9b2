/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "slots.h"

#include <sys/mman.h>
#include <unistd.h>

int worker_slots_create(void)
{
	int descriptor = memfd_create("stoker-gpu-worker", MFD_CLOEXEC);

	if (descriptor >= 0 &&
	    ftruncate(descriptor, WORKER_SLOTS * sizeof(struct worker_slot)) < 0) {
		close(descriptor);
		return -1;
	}
	return descriptor;
}
