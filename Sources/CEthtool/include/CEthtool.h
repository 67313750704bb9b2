/* Statistics of a network interface, as `ethtool -S` shows them. */
#ifndef STOKER_ETHTOOL_H
#define STOKER_ETHTOOL_H

#include <stdint.h>

/* Bytes of one name, which need not end with a NUL. */
enum { ETHTOOL_NAME_BYTES = 32 };

struct ethtool_statistics {
	uint32_t count;
	char *names;
	uint64_t *values;
};

/* 0, or an errno. What was read is to be freed with ethtool_statistics_free. */
int ethtool_statistics_read(const char *interface, struct ethtool_statistics *statistics);
void ethtool_statistics_free(struct ethtool_statistics *statistics);

#endif
