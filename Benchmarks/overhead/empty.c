/*
 * usage: empty TRACEPOINT...
 * Attaches a program that does nothing to each tracepoint (BTF-typed, one program a
 * hook) and stays until it is told to end: the least that any tracer can cost.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int attach(const char *tracepoint)
{
	const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_TRACE_RAW_TP);
	int id = libbpf_find_vmlinux_btf_id(tracepoint, BPF_TRACE_RAW_TP), program;

	if (id < 0)
		return id;
	options.attach_btf_id = id;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "empty", "GPL", nothing, 2, &options);
	return program < 0 ? program : bpf_raw_tracepoint_open(NULL, program);
}

int main(int count, char **arguments)
{
	int attached = 0;

	for (int i = 1; i < count; i++) {
		int link = attach(arguments[i]);

		if (link < 0)
			fprintf(stderr, "empty: %s: %s\n", arguments[i], strerror(-link));
		else
			attached++;
	}
	printf("%d\n", attached);
	fflush(stdout);
	if (!attached)
		return 1;
	pause();
	return 0;
}
