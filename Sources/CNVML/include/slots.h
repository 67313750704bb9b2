/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each thread of the GPU worker is doing, in memory that its parent shares: after a crash it
 * tells which device's call was in progress.
 */
#ifndef SLOTS_H
#define SLOTS_H

#include <stdint.h>
#include <string.h>

enum { WORKER_SLOTS = 65, WORKER_LIBRARY_SLOT = 0 };

struct worker_slot {
	uint64_t since; /* CLOCK_MONOTONIC, ns; 0: in no call */
	char device[24];
	char call[64];
};

_Static_assert(sizeof(struct worker_slot) == 96, "worker_slot");

/* A descriptor of memory with room for all slots, or -1. */
int worker_slots_create(void);

static inline void worker_slot_name(struct worker_slot *slot, const char *device)
{
	strncpy(slot->device, device, sizeof(slot->device) - 1);
}

static inline void worker_slot_enter(struct worker_slot *slot, const char *call, uint64_t now)
{
	strncpy(slot->call, call, sizeof(slot->call) - 1);
	__atomic_store_n(&slot->since, now, __ATOMIC_RELEASE);
}

static inline void worker_slot_leave(struct worker_slot *slot)
{
	__atomic_store_n(&slot->since, 0, __ATOMIC_RELEASE);
}

static inline uint64_t worker_slot_since(const struct worker_slot *slot)
{
	return __atomic_load_n(&slot->since, __ATOMIC_ACQUIRE);
}

#endif
