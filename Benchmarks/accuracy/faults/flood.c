/*
 * usage: flood CPU TARGET BURSTS_PER_SECOND
 * Sends datagrams over a private loopback on CPU while receive packet steering lets the
 * network softirq run on TARGET. Each send is one system call that the receiving side
 * must cut into segments, so most of the work is the softirq's. The network namespace
 * is this program's own: nothing has to be put back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
enum { SEGMENT = 200, SEGMENTS = 60 };

static int failed(const char *what)
{
	perror(what);
	return 1;
}

static void stay_on(int cpu)
{
	struct sched_param none = { 0 };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	sched_setscheduler(0, SCHED_IDLE, &none);	/* in nobody's way on its own CPU */
}

/* A namespace of our own, its loopback up, its receive queue steered to the target. */
static int own_loopback(int target)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int control, steering;
	char mask[32];

	if (unshare(CLONE_NEWNET | CLONE_NEWNS))
		return failed("unshare");
	mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL))
		return failed("sysfs");
	control = socket(AF_INET, SOCK_DGRAM, 0);
	if (ioctl(control, SIOCSIFFLAGS, &lo))
		return failed("lo");
	close(control);
	steering = open("/sys/class/net/lo/queues/rx-0/rps_cpus", O_WRONLY);
	snprintf(mask, sizeof(mask), "%lx", 1ul << target);
	if (steering < 0 || write(steering, mask, strlen(mask)) < 0)
		return failed("rps_cpus");
	return close(steering);
}

/* A bound socket that nobody reads, so the sender never has to share its CPU. */
static int connected(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	int size = SEGMENT;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(in, (void *)&to, sizeof(to)) || connect(out, (void *)&to, sizeof(to)))
		return -1;
	setsockopt(out, SOL_UDP, UDP_SEGMENT, &size, sizeof(size));
	return out;
}

int main(int count, char **arguments)
{
	static char data[SEGMENT * SEGMENTS];
	struct timespec rest = { 0 };
	int out;

	if (count != 4)
		return 64;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1000);
	if (own_loopback(atoi(arguments[2])))
		return 1;
	out = connected();
	if (out < 0)
		return failed("socket");
	stay_on(atoi(arguments[1]));
	rest.tv_nsec = 8 * 1000000000l / atol(arguments[3]);
	for (;;) {
		for (int i = 0; i < 8; i++)
			if (send(out, data, sizeof(data), 0) < 0)
				continue;
		nanosleep(&rest, NULL);
	}
}
