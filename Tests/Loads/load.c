/* Loads with a known effect, for the kernel tests: `load NAME [ARGUMENT...]`. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* No load outlives its test by much, whatever happens to the test. */
enum { LONGEST_SECONDS = 40, PAGE = 4096 };

static long long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void nap(long microseconds)
{
	struct timespec time = { microseconds / 1000000, microseconds % 1000000 * 1000 };

	nanosleep(&time, NULL);
}

static void spin(long microseconds)
{
	long long end = now_ns() + microseconds * 1000LL;

	while (now_ns() < end)
		;
}

static void fail(const char *what)
{
	perror(what);
	exit(3);
}

static void pin(const char *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(atoi(cpu), &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		fail("sched_setaffinity");
}

/* Tells the test that all is prepared and waits for its word to begin. */
static void ready(void)
{
	char word;

	if (write(STDOUT_FILENO, "!", 1) != 1 || read(STDIN_FILENO, &word, 1) != 1)
		exit(3);
}

static void start_threads(int count, void *(*run)(void *), void *argument)
{
	pthread_attr_t small;
	pthread_t thread;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 64 << 10);
	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, &small, run, argument))
			fail("pthread_create");
}

static void *nap_now_and_then(void *argument)
{
	nap(random() % 500000);
	for (;;)
		nap(400000 + random() % 200000);
	return argument;
}

static void *storm(void *argument)
{
	size_t size = 64 * PAGE;

	for (;;) {
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				    -1, 0);

		for (size_t at = 0; at < size; at += PAGE)
			memory[at] = 1;
		munmap(memory, size);
	}
	return argument;
}

static void *spin_forever(void *argument)
{
	for (;;)
		spin(1000000);
	return argument;
}

static void *count_yields(void *argument)
{
	for (int left = *(int *)argument; left > 0; left--)
		sched_yield();
	pause();
	return NULL;
}

static void send_datagrams(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t size = sizeof(to);
	int in = socket(AF_INET, SOCK_DGRAM, 0), out = socket(AF_INET, SOCK_DGRAM, 0);
	char bytes[1200] = { 0 };

	if (in < 0 || out < 0 || bind(in, (void *)&to, sizeof(to)) ||
	    getsockname(in, (void *)&to, &size))
		fail("socket");
	for (;;) {
		sendto(out, bytes, sizeof(bytes), 0, (void *)&to, sizeof(to));
		recv(in, bytes, sizeof(bytes), MSG_DONTWAIT);
	}
}

static int opened(const char *path, int flags, off_t *size)
{
	struct stat about;
	int file = open(path, flags);

	if (file < 0 || fstat(file, &about))
		fail(path);
	*size = about.st_size;
	return file;
}

static void fault_in(const char *path)
{
	off_t size;
	int file = opened(path, O_RDONLY, &size);
	volatile char sum = 0;

	for (;;) {
		char *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);

		madvise(memory, size, MADV_RANDOM);
		for (int i = 0; i < 97; i++)
			sum += memory[random() % (size / PAGE) * PAGE];
		munmap(memory, size);
		posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	}
}

static void read_in(const char *path, int flags, int batch)
{
	off_t size;
	int file = opened(path, O_RDONLY | flags, &size);
	char *bytes;

	if (posix_memalign((void **)&bytes, PAGE, PAGE))
		fail("posix_memalign");
	posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM);
	for (;;) {
		for (int i = 0; i < batch; i++)
			if (pread(file, bytes, PAGE, random() % (size / PAGE) * PAGE) < 0)
				fail("pread");
		if (!flags)
			posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
	}
}

/* Fills the page cache of its control group again and again. */
static void read_through(const char *path)
{
	enum { CHUNK = 1 << 20 };
	off_t size;
	int file = opened(path, O_RDONLY, &size);
	char *bytes = malloc(CHUNK);

	for (;;)
		for (off_t at = 0; at < size; at += CHUNK)
			if (pread(file, bytes, CHUNK, at) < 0)
				fail("pread");
}

static pid_t short_life(const char *name, long microseconds)
{
	pid_t child = fork();

	if (child)
		return child;
	prctl(PR_SET_NAME, name);
	spin(microseconds);
	_exit(0);
}

static void fork_children(int count, long microseconds)
{
	for (int i = 0; i < count; i++)
		waitpid(short_life("offspring", microseconds), NULL, 0);
}

static void run(char **argument)
{
	const char *name = argument[1], *first = argument[2], *second = first ? argument[3] : NULL;

	if (!strcmp(name, "spin")) {
		pin(first);
		if (second)
			prctl(PR_SET_NAME, second);
		ready();
		spin_forever(NULL);
	} else if (!strcmp(name, "sleep")) {
		ready();
		for (;;)
			nap(101000);
	} else if (!strcmp(name, "crowd")) {
		start_threads(atoi(first), nap_now_and_then, NULL);
		ready();
		pause();
	} else if (!strcmp(name, "storm")) {
		start_threads(atoi(first) - 1, storm, NULL);
		ready();
		storm(NULL);
	} else if (!strcmp(name, "datagrams")) {
		pin(first);
		ready();
		send_datagrams();
	} else if (!strcmp(name, "naps")) {
		ready();
		for (int left = atoi(first); left > 0; left--)
			nap(500);
		pause();
	} else if (!strcmp(name, "yields")) {
		int count = atoi(second);

		pin(first);
		ready();
		start_threads(2, count_yields, &count);
		nap(30000000);
	} else if (!strcmp(name, "fault")) {
		ready();
		fault_in(first);
	} else if (!strcmp(name, "pread")) {
		ready();
		read_in(first, 0, 97);
	} else if (!strcmp(name, "direct")) {
		ready();
		read_in(first, O_DIRECT, 97);
	} else if (!strcmp(name, "cache")) {
		ready();
		read_through(first);
	} else if (!strcmp(name, "ephemera")) {
		/* Never two at a time, and each of them gone soon. */
		pin(first);
		ready();
		for (;;)
			waitpid(short_life(second, 31000), NULL, 0);
	} else if (!strcmp(name, "family")) {
		start_threads(3, nap_now_and_then, NULL);
		ready();
		fork_children(atoi(first), 3000);
		pause();
	} else if (!strcmp(name, "drift")) {
		pin(first);
		ready();
		spin(400000);
		pin(second);
		for (;;)
			spin(1000000);
	} else if (!strcmp(name, "exec")) {
		ready();
		spin(700000);
		execl("/proc/self/exe", "load", "spin", first, "afterwards", NULL);
		fail("exec");
	} else {
		fprintf(stderr, "no load named %s\n", name);
		exit(64);
	}
}

int main(int count, char **argument)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(LONGEST_SECONDS);
	signal(SIGPIPE, SIG_IGN);
	if (count < 2)
		return 64;
	/* What is compared must not depend on who else builds on this machine. */
	if (strcmp(argument[1], "crowd") && strcmp(argument[1], "storm"))
		setpriority(PRIO_PROCESS, 0, -11);
	run(argument);
	return 0;
}
