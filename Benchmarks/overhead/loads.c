/*
 * usage: loads NAME OPERATIONS CPU
 * Says that it is ready; then, for each line on standard input, does the operations on CPU and
 * prints the CPU time (user and system, helpers included) of one operation in nanoseconds.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long operations;
static int there[2], back[2], in, out;

static int64_t used_by(int whom)
{
	struct rusage use;

	getrusage(whom, &use);
	return (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000000l +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000l;
}

static int64_t used_ns(void)
{
	return used_by(RUSAGE_SELF) + used_by(RUSAGE_CHILDREN);
}

static void *echo(void *unused)
{
	char byte;

	while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
		;
	return unused;
}

static void begin_pipe1(void)
{
	pthread_t other;

	if (pipe(there) || pipe(back) || pthread_create(&other, NULL, echo, NULL))
		exit(1);
}

/* One operation is one switch: there and back on one CPU are two. */
static void pipe1(void)
{
	char byte = 0;

	for (long i = 0; i < operations; i += 2)
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(1);
}

/* The same by perf, which counts round trips; its start is 3-4 % of the time. */
static void perfpipe(void)
{
	char text[32];
	int status;
	pid_t child;

	snprintf(text, sizeof(text), "%ld", operations / 2);
	child = fork();
	if (!child) {
		int nowhere = open("/dev/null", O_RDWR);

		dup2(nowhere, 0);
		dup2(nowhere, 1);
		dup2(nowhere, 2);
		execlp("perf", "perf", "bench", "sched", "pipe", "-l", text, NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		exit(1);
}

static void fault(void)
{
	const long pages = 64;

	for (long i = 0; i < operations; i += pages) {
		char *piece = mmap(NULL, pages * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(piece, pages * 4096, MADV_NOHUGEPAGE);
		for (long page = 0; page < pages; page++)
			piece[page * 4096] = 1;
		munmap(piece, pages * 4096);
	}
}

static void begin_udp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);

	in = socket(AF_INET, SOCK_DGRAM, 0);
	out = socket(AF_INET, SOCK_DGRAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(in, (void *)&address, length) || getsockname(in, (void *)&address, &length) ||
	    connect(out, (void *)&address, length))
		exit(1);
}

static void udp(void)
{
	char data[64] = { 0 };

	for (long i = 0; i < operations; i++)
		if (send(out, data, sizeof(data), 0) < 0 || recv(in, data, sizeof(data), 0) < 0)
			exit(1);
}

static void getparent(void)
{
	for (long i = 0; i < operations; i++)
		syscall(SYS_getppid);
}

static void spin(void)
{
	for (long i = 0; i < operations; i++)
		__asm__ volatile("" ::: "memory");
}

/* `count` threads with little memory each. */
static void make_threads(pthread_t *threads, long count, void *(*body)(void *))
{
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 32 << 10);
	for (long i = 0; i < count; i++) {
		if (!pthread_create(&threads[i], &small, body, (void *)i))
			continue;
		fprintf(stderr, "only %ld threads can be made here\n", i);
		exit(1);
	}
}

/* Each on a cache line of its own. */
static struct seat {
	_Alignas(64) atomic_int token;
} * seats;

static void futex(atomic_int *word, int operation, int value)
{
	syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void hand_token(struct seat *seat)
{
	seat->token = 1;
	futex(&seat->token, FUTEX_WAKE, 1);
}

static void *sit(void *number)
{
	long mine = (long)number;

	for (;;) {
		while (!atomic_exchange(&seats[mine].token, 0))
			futex(&seats[mine].token, FUTEX_WAIT, 0);
		hand_token(&seats[(mine + 1) % operations]);
	}
	return NULL;
}

/* OPERATIONS threads in a ring. */
static void begin_ring(void)
{
	seats = aligned_alloc(sizeof(*seats), operations * sizeof(*seats));
	memset(seats, 0, operations * sizeof(*seats));
	make_threads(calloc(operations, sizeof(pthread_t)), operations, sit);
}

/* One token goes round, a switch at each hand-over, until the process is killed. */
static void ring(void)
{
	hand_token(&seats[0]);
	for (;;)
		pause();
}

static pthread_barrier_t gate;

static long arrivals;

static void *one_of_herd(void *unused)
{
	pthread_barrier_wait(&gate);
	sched_yield();
	return unused;
}

static long switches(void)
{
	struct rusage use;

	getrusage(RUSAGE_SELF, &use);
	return use.ru_nvcsw + use.ru_nivcsw;
}

/*
 * All threads become runnable at once; OPERATIONS is their number. How often a thread was given
 * a CPU is how often it was taken off it: the kernel adds that up, but for the end of each.
 */
static void herd(void)
{
	pthread_t *threads = calloc(operations, sizeof(*threads));
	long before = switches();

	pthread_barrier_init(&gate, NULL, operations);
	make_threads(threads, operations, one_of_herd);
	for (long i = 0; i < operations; i++)
		pthread_join(threads[i], NULL);
	arrivals = switches() - before + operations;
}

static void begin_nothing(void)
{
}

static const struct load {
	const char *name;
	void (*begin)(void), (*burst)(void);
} loads[] = {
	{ "pipe1", begin_pipe1, pipe1 },
	{ "perfpipe", begin_nothing, perfpipe },
	{ "fault", begin_nothing, fault },
	{ "udp", begin_udp, udp },
	{ "getppid", begin_nothing, getparent },
	{ "spin", begin_nothing, spin },
	{ "ring", begin_ring, ring },
	{ "herd", begin_nothing, herd },
};

static void serve(const struct load *load)
{
	load->begin();
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		int64_t before = used_ns();

		load->burst();
		if (arrivals)
			printf("%ld\n", arrivals);
		else
			printf("%.3f\n", (used_ns() - before) / (double)operations);
		fflush(stdout);
	}
}

int main(int count, char **arguments)
{
	cpu_set_t set;

	if (count != 4)
		return 64;
	operations = atol(arguments[2]);
	CPU_ZERO(&set);
	CPU_SET(atoi(arguments[3]), &set);
	sched_setaffinity(0, sizeof(set), &set);
	for (unsigned i = 0; i < sizeof(loads) / sizeof(*loads); i++) {
		if (strcmp(arguments[1], loads[i].name))
			continue;
		serve(&loads[i]);
		return 0;
	}
	return 64;
}
