#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CEthtool.h"

_Static_assert(ETHTOOL_NAME_BYTES == ETH_GSTRING_LEN, "the kernel's names have another length");

/* mlx5 has some thousands. The kernel writes as many values as there are when it is asked, not as
 * many as there is room for: queues that are added meanwhile must find some. */
enum { MOST_STATISTICS = 1 << 16, SPARE_STATISTICS = 1 << 12 };

static int ask(int descriptor, const char *interface, void *request)
{
	struct ifreq call = { 0 };

	if (strlen(interface) >= sizeof(call.ifr_name))
		return ENODEV;
	strcpy(call.ifr_name, interface);
	call.ifr_data = request;
	return ioctl(descriptor, SIOCETHTOOL, &call) < 0 ? errno : 0;
}

static int count_statistics(int descriptor, const char *interface, uint32_t *count)
{
	struct {
		struct ethtool_sset_info head;
		uint32_t count;
	} request = { .head = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_STATS } };
	int error = ask(descriptor, interface, &request);

	if (error)
		return error;
	if (!request.head.sset_mask || !request.count || request.count > MOST_STATISTICS)
		return EOPNOTSUPP;
	*count = request.count;
	return 0;
}

static int read_names(int descriptor, const char *interface, struct ethtool_statistics *found)
{
	size_t room = (size_t)found->count + SPARE_STATISTICS;
	struct ethtool_gstrings *request = calloc(1, sizeof(*request) + room * ETHTOOL_NAME_BYTES);
	int error;

	if (!request)
		return ENOMEM;
	request->cmd = ETHTOOL_GSTRINGS;
	request->string_set = ETH_SS_STATS;
	request->len = found->count;
	error = ask(descriptor, interface, request);
	if (!error && request->len != found->count)
		error = EAGAIN;
	if (!error) {
		found->names = malloc((size_t)found->count * ETHTOOL_NAME_BYTES);
		if (!found->names)
			error = ENOMEM;
		else
			memcpy(found->names, request->data,
			       (size_t)found->count * ETHTOOL_NAME_BYTES);
	}
	free(request);
	return error;
}

static int read_values(int descriptor, const char *interface, struct ethtool_statistics *found)
{
	size_t room = (size_t)found->count + SPARE_STATISTICS;
	struct ethtool_stats *request = calloc(1, sizeof(*request) + room * sizeof(uint64_t));
	int error;

	if (!request)
		return ENOMEM;
	request->cmd = ETHTOOL_GSTATS;
	request->n_stats = found->count;
	error = ask(descriptor, interface, request);
	if (!error && request->n_stats != found->count)
		error = EAGAIN;
	if (!error) {
		found->values = malloc((size_t)found->count * sizeof(uint64_t));
		if (!found->values)
			error = ENOMEM;
		else
			memcpy(found->values, request->data,
			       (size_t)found->count * sizeof(uint64_t));
	}
	free(request);
	return error;
}

int ethtool_statistics_read(const char *interface, struct ethtool_statistics *statistics)
{
	int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int error;

	memset(statistics, 0, sizeof(*statistics));
	if (descriptor < 0)
		return errno;
	error = count_statistics(descriptor, interface, &statistics->count);
	if (!error)
		error = read_names(descriptor, interface, statistics);
	if (!error)
		error = read_values(descriptor, interface, statistics);
	close(descriptor);
	if (error)
		ethtool_statistics_free(statistics);
	return error;
}

void ethtool_statistics_free(struct ethtool_statistics *statistics)
{
	free(statistics->names);
	free(statistics->values);
	memset(statistics, 0, sizeof(*statistics));
}
