/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CService.h"

#include <errno.h>
#include <linux/capability.h>
#include <malloc.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

typedef struct __user_cap_header_struct header_t;
typedef struct __user_cap_data_struct data_t;

static uint64_t joined(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

static int get(data_t data[_LINUX_CAPABILITY_U32S_3])
{
	header_t header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, data);
}

void service_return_memory(void)
{
	enum { LEAST_MAPPED = 128 << 10, MOST_ARENAS = 2 };

	/* To set them turns off that glibc raises them by itself. */
	mallopt(M_MMAP_THRESHOLD, LEAST_MAPPED);
	mallopt(M_TRIM_THRESHOLD, LEAST_MAPPED);
	mallopt(M_ARENA_MAX, MOST_ARENAS);
}

int service_capabilities(uint64_t *effective)
{
	data_t data[_LINUX_CAPABILITY_U32S_3] = {};

	if (get(data))
		return -1;
	*effective = joined(data[0].effective, data[1].effective);
	return 0;
}

/* Takes CAP_SETPCAP; without it systemd or nobody has to do it. */
static void shrink_bounding_set(uint64_t kept)
{
	/* Ends with EINVAL after the last capability that the kernel knows. */
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (capability > 63 || !(kept >> capability & 1))
			prctl(PR_CAPBSET_DROP, capability);
}

int service_keep_capabilities(uint64_t kept)
{
	header_t header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	data_t data[_LINUX_CAPABILITY_U32S_3] = {};
	int word;

	if (get(data))
		return -1;
	shrink_bounding_set(kept);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) && errno != EINVAL)
		return -1;
	for (word = 0; word < _LINUX_CAPABILITY_U32S_3; word++) {
		uint32_t bits = kept >> (32 * word);

		data[word].permitted &= bits;
		data[word].effective &= bits;
		data[word].inheritable = 0;
	}
	return syscall(SYS_capset, &header, data);
}

int service_forbid_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int service_send_datagram(const uint8_t *address, int address_length, const uint8_t *message,
			  int length)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + address_length;
	ssize_t sent;
	int descriptor;
	int reason;

	if (address_length < 1 || (size_t)address_length > sizeof(to.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, address, address_length);
	/* A watchdog must not wait for whoever does not read. */
	descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (descriptor < 0)
		return -1;
	sent = sendto(descriptor, message, length, MSG_NOSIGNAL, (struct sockaddr *)&to, size);
	reason = errno;
	close(descriptor);
	errno = reason;
	return sent == length ? 0 : -1;
}

int service_is_listening(int descriptor)
{
	int type = 0, listens = 0;
	socklen_t size = sizeof(int);

	if (getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) || type != SOCK_STREAM)
		return 0;
	size = sizeof(int);
	return !getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) && listens;
}
