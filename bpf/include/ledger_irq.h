/* SPDX-License-Identifier: GPL-2.0 */
/* Interrupt time by CPU; the ledger takes it off whoever was running. */
#pragma once
#include "ledger_maps.h"

static __always_inline int irq_began(void)
{
	struct ledger_cpu *cpu = this_cpu();

	if (cpu)
		cpu->irq_began = bpf_ktime_get_ns();
	return 0;
}

/* Time since the interrupt began; 0 when that was not seen. */
static __always_inline __u64 irq_ended(struct ledger_cpu *cpu)
{
	__u64 began = cpu->irq_began, spent;

	if (!began)
		return 0;
	spent = bpf_ktime_get_ns() - began;
	cpu->irq_began = 0;
	cpu->irq += spent;
	return spent;
}

SEC("tp_btf/irq_handler_entry")
int irq_entry(void *ctx)
{
	return irq_began();
}

SEC("tp_btf/irq_handler_exit")
int BPF_PROG(irq_exit, int number)
{
	struct ledger_cpu *cpu = this_cpu();
	struct ledger_irq *line, fresh = {};
	__u32 key = number;
	__u64 spent;

	if (!cpu)
		return 0;
	spent = irq_ended(cpu);
	line = bpf_map_lookup_elem(&irqs, &key);
	if (!line) {
		bpf_map_update_elem(&irqs, &key, &fresh, BPF_NOEXIST);
		line = bpf_map_lookup_elem(&irqs, &key);
		if (!line) {
			cpu->lost_irqs++;
			return 0;
		}
	}
	line->count++;
	line->nanoseconds += spent;
	if (cpu->watched)
		line->watched += spent;
	return 0;
}

static __always_inline int vector_ended(__u32 vector)
{
	struct ledger_cpu *cpu = this_cpu();
	__u64 spent;

	if (!cpu)
		return 0;
	spent = irq_ended(cpu);
	cpu->vectors[vector] += spent;
	if (cpu->watched)
		cpu->vectors_watched[vector] += spent;
	return 0;
}

#define VECTOR_PROGRAMS(hook, vector)        \
	SEC("tp_btf/" #hook "_entry")        \
	int hook##_began(void *ctx)          \
	{                                    \
		return irq_began();          \
	}                                    \
	SEC("tp_btf/" #hook "_exit")         \
	int hook##_ended(void *ctx)          \
	{                                    \
		return vector_ended(vector); \
	}

VECTOR_PROGRAMS(local_timer, LEDGER_VECTOR_TIMER)
VECTOR_PROGRAMS(reschedule, LEDGER_VECTOR_RESCHEDULE)
VECTOR_PROGRAMS(call_function, LEDGER_VECTOR_CALL)
VECTOR_PROGRAMS(call_function_single, LEDGER_VECTOR_CALL_SINGLE)
VECTOR_PROGRAMS(irq_work, LEDGER_VECTOR_WORK)

SEC("tp_btf/softirq_entry")
int softirq_entry(void *ctx)
{
	struct ledger_cpu *cpu = this_cpu();

	if (!cpu)
		return 0;
	cpu->softirq_began = bpf_ktime_get_ns();
	cpu->irq_at_softirq = cpu->irq;
	return 0;
}

SEC("tp_btf/softirq_exit")
int BPF_PROG(softirq_exit, unsigned int type)
{
	struct ledger_cpu *cpu = this_cpu();
	__u64 began, spent;

	if (!cpu)
		return 0;
	began = cpu->softirq_began;
	if (!began)
		return 0;
	spent = bpf_ktime_get_ns() - began - (cpu->irq - cpu->irq_at_softirq);
	cpu->softirq_began = 0;
	if ((__s64)spent < 0)
		return 0;
	cpu->softirq += spent;
	cpu->softirqs[type & (LEDGER_SOFTIRQ_SLOTS - 1)] += spent;
	if (cpu->watched)
		cpu->softirqs_watched[type & (LEDGER_SOFTIRQ_SLOTS - 1)] += spent;
	return 0;
}
