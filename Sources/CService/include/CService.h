/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* The effective capabilities of this thread, one bit each. -1: errno says why. */
int service_capabilities(uint64_t *effective);

/*
 * Leaves this thread with `kept` of what it has, gives the ambient ones away and takes all others
 * out of the bounding set as far as it may. Capabilities belong to threads: call it while there
 * is only one. -1: errno says why.
 */
int service_keep_capabilities(uint64_t kept);

/*
 * Memory of a tick goes back to the system after it: what a large host takes for a moment would
 * stay otherwise. For a process with one busy thread.
 */
void service_return_memory(void);

/* No program that is started from now on gains privileges. -1: errno says why. */
int service_forbid_new_privileges(void);

/* One datagram to a Unix socket; the address may begin with a NUL. -1: errno says why. */
int service_send_datagram(const uint8_t *address, int address_length, const uint8_t *message,
			  int length);

/* Whether the descriptor is a stream socket that listens. */
int service_is_listening(int descriptor);
