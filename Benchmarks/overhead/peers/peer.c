/*
 * usage: peer OBJECT
 * Attaches every program of the object whose tracepoint this kernel has, waits for an interrupt,
 * and prints its histogram of waits: the sum over CPUs of the first SLOTS words of map "waits".
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 64 };

static int fail(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Leaves out what has no tracepoint here: page_fault_user is x86's. */
static void choose(struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		const char *tracepoint = strchr(bpf_program__section_name(program), '/') + 1;

		if (libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP) >= 0)
			continue;
		fprintf(stderr, "peer: this kernel has no %s\n", tracepoint);
		bpf_program__set_autoload(program, false);
	}
}

static int attach(struct bpf_object *object)
{
	struct bpf_program *program;
	int attached = 0;

	bpf_object__for_each_program(program, object)
	{
		if (!bpf_program__autoload(program))
			continue;
		if (!bpf_program__attach(program))
			return fail(bpf_program__name(program)), -1;
		attached++;
	}
	return attached;
}

static void show(struct bpf_map *map)
{
	uint64_t sums[SLOTS] = { 0 }, total = 0;
	uint64_t *value = malloc(bpf_map__value_size(map));

	for (uint32_t key = 0; value && key < bpf_map__max_entries(map); key++) {
		if (bpf_map_lookup_elem(bpf_map__fd(map), &key, value))
			continue;
		for (int slot = 0; slot < SLOTS; slot++)
			sums[slot] += value[slot];
	}
	free(value);
	for (int slot = 0; slot < SLOTS; slot++) {
		total += sums[slot];
		if (sums[slot])
			printf("from 2^%d ns: %lu\n", slot, sums[slot]);
	}
	printf("waits: %lu\n", total);
}

int main(int count, char **arguments)
{
	struct bpf_object *object;
	struct bpf_map *waits;
	int attached, signal;
	sigset_t ends;

	if (count != 2)
		return 64;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	object = bpf_object__open_file(arguments[1], NULL);
	if (!object)
		return fail(arguments[1]);
	waits = bpf_object__find_map_by_name(object, "waits");
	if (!waits)
		return fail("no map of waits");
	if (!bpf_map__max_entries(waits))
		bpf_map__set_max_entries(waits, libbpf_num_possible_cpus());
	choose(object);
	if (bpf_object__load(object))
		return fail("load");
	attached = attach(object);
	if (attached < 0)
		return 1;
	printf("%d programs\n", attached);
	fflush(stdout);
	sigwait(&ends, &signal);
	show(waits);
	return 0;
}
