/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "process.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int drop_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
	int capability;
	int left = 0;

	/* Ends with EINVAL after the last capability that the kernel knows. */
	for (capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++)
		if (prctl(PR_CAPBSET_READ, capability) > 0)
			left |= prctl(PR_CAPBSET_DROP, capability);
	left |= syscall(SYS_capset, &header, none);
	return left | prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void name_thread(const char *name)
{
	prctl(PR_SET_NAME, name);
}

int event_counter(void)
{
	return eventfd(0, EFD_CLOEXEC);
}

int closed_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}
