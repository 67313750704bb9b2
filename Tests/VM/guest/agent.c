/*
 * PID 1 of the guest: does what the test outside types.
 *
 * A request is "LENGTH\n" and so many bytes for `sh -c`; the answer is "STATUS OUT ERR\n" and the
 * bytes that the command wrote to standard output and standard error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LONGEST = 1 << 17, REAP_MS = 200 };

#define OUT "/run/agent.out"
#define ERR "/run/agent.err"

static void fail(const char *what)
{
	perror(what);
	exit(1);	/* the kernel panics, and the test outside sees the guest end */
}

/* Orphans become children of PID 1: whoever ends here is buried while nothing is asked. */
static void wait_for_request(int port)
{
	struct pollfd ready = { .fd = port, .events = POLLIN };

	while (poll(&ready, 1, REAP_MS) <= 0 || !(ready.revents & POLLIN)) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (ready.revents & POLLHUP)
			usleep(REAP_MS * 1000);
	}
}

static void read_all(int port, char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = read(port, bytes, count);

		if (n <= 0)
			fail("read");
		bytes += n;
		count -= n;
	}
}

static void write_all(int port, const char *bytes, size_t count)
{
	while (count > 0) {
		ssize_t n = write(port, bytes, count);

		if (n <= 0)
			fail("write");
		bytes += n;
		count -= n;
	}
}

static size_t length_of_request(int port)
{
	char line[32] = "";

	for (size_t i = 0; i + 1 < sizeof(line); i++) {
		read_all(port, line + i, 1);
		if (line[i] == '\n')
			return strtoul(line, NULL, 10);
	}
	errno = EPROTO;
	fail("request");
	return 0;
}

static void become_shell(const char *script)
{
	int in = open("/dev/null", O_RDONLY);
	int out = open(OUT, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int err = open(ERR, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (in < 0 || out < 0 || err < 0)
		fail(OUT);
	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(err, 2);
	close(in);
	close(out);
	close(err);
	execl("/bin/sh", "sh", "-c", script, NULL);
	_exit(127);
}

static int run(int port, const char *script)
{
	int status = 0;
	pid_t ended, child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		close(port);
		become_shell(script);
	}
	while ((ended = waitpid(-1, &status, 0)) != child)
		if (ended < 0 && errno != EINTR)
			fail("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static size_t size_of(const char *path)
{
	struct stat file;

	return stat(path, &file) ? 0 : file.st_size;
}

static void send_file(int port, const char *path, size_t size)
{
	static char block[1 << 16];
	int file = open(path, O_RDONLY);

	while (size > 0) {
		size_t wanted = size < sizeof(block) ? size : sizeof(block);

		/* Something in the background may have cut the file short meanwhile. */
		if (file < 0 || read(file, block, wanted) != (ssize_t)wanted)
			memset(block, ' ', wanted);
		write_all(port, block, wanted);
		size -= wanted;
	}
	if (file >= 0)
		close(file);
}

int main(int count, char **arguments)
{
	static char script[LONGEST + 1];
	int port = count == 2 ? open(arguments[1], O_RDWR) : -1;

	if (port < 0)
		fail(count == 2 ? arguments[1] : "usage: agent PORT");
	write_all(port, "ready\n", 6);
	for (;;) {
		char head[64];
		size_t length, out, err;
		int status;

		wait_for_request(port);
		length = length_of_request(port);
		if (length > LONGEST) {
			errno = E2BIG;
			fail("request");
		}
		read_all(port, script, length);
		script[length] = 0;
		status = run(port, script);
		out = size_of(OUT);
		err = size_of(ERR);
		write_all(port, head,
			  snprintf(head, sizeof(head), "%d %zu %zu\n", status, out, err));
		send_file(port, OUT, out);
		send_file(port, ERR, err);
	}
}
