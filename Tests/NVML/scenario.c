/* SPDX-License-Identifier: Apache-2.0 */
/* The scenario: what it says, what it makes of time, and how every call begins. */
#define _GNU_SOURCE
#include "fake.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct gpu gpus[MOST_GPUS];
int gpu_count;
static struct setting settings[MOST_SETTINGS];
static int setting_count;
static struct rule rules[MOST_RULES];
static int rule_count;
char driver[64] = "570.86.15";
static double epoch = -1;
int stride = 24;
int is_shifted;
static int trace_file = -1;

double clock_of(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static double elapsed(void)
{
	double now = clock_of(CLOCK_MONOTONIC) - epoch;

	return now > 0 ? now : 0;
}

double get(const struct gpu *gpu, const char *key, double value)
{
	double now = elapsed();

	for (int i = 0; i < setting_count; i++)
		if (settings[i].gpu == gpu->index && settings[i].at <= now &&
		    !strcmp(settings[i].key, key))
			value = settings[i].value;
	return value;
}

double sum(const struct gpu *gpu, const char *key, double rate)
{
	double now = elapsed(), from = 0, total = 0;

	for (int i = 0; i < setting_count; i++) {
		if (settings[i].gpu != gpu->index || settings[i].at > now ||
		    strcmp(settings[i].key, key))
			continue;
		total += rate * (settings[i].at - from);
		from = settings[i].at;
		rate = settings[i].value;
	}
	return total + rate * (now - from);
}

uint64_t busy(const struct gpu *gpu)
{
	return gpu->progress ? *gpu->progress : (uint64_t)(sum(gpu, "util", 0) / 100 * 1e9);
}

/* The scenario. */

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
	for (; *to; to++)
		if (*to == '_')
			*to = ' ';
}

static volatile uint64_t *shared(char *text)
{
	char *colon = strrchr(text, ':');
	size_t index = colon ? strtoul(colon + 1, NULL, 10) : 0;
	int file;
	void *map;

	if (colon)
		*colon = 0;
	file = open(text, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return NULL;
	map = mmap(NULL, (index + 1) * 8, PROT_READ, MAP_SHARED, file, 0);
	close(file);
	return map == MAP_FAILED ? NULL : (volatile uint64_t *)map + index;
}

static void read_pids(struct gpu *gpu, char *text)
{
	gpu->pid_count = 0;
	for (char *rest, *word = strtok_r(text, ",", &rest); word;
	     word = strtok_r(NULL, ",", &rest))
		if (gpu->pid_count < MOST_PIDS)
			gpu->pids[gpu->pid_count++] = strtoul(word, NULL, 0);
}

static void add_setting(int gpu, double at, const char *key, double value)
{
	struct setting *new = &settings[setting_count];

	if (setting_count == MOST_SETTINGS)
		return;
	setting_count++;
	new->gpu = gpu;
	new->at = at;
	new->value = value;
	snprintf(new->key, sizeof(new->key), "%s", key);
}

static void read_line(char *line)
{
	char *rest, *pair, *word = strtok_r(line, " \n", &rest);
	struct rule *rule = &rules[rule_count];
	struct gpu *gpu = NULL;
	double at = 0;
	int index = -1;

	if (!word || *word == '#')
		return;
	if (!strcmp(word, "gpu") && gpu_count < MOST_GPUS) {
		strtok_r(NULL, " \n", &rest);
		gpu = &gpus[gpu_count];
		gpu->index = index = gpu_count++;
	} else if (!strcmp(word, "call") && rule_count < MOST_RULES) {
		rule_count++;
		rule->gpu = -1;
	} else if (strcmp(word, "set")) {
		pair = strtok_r(NULL, " \n", &rest);
		if (!pair)
			return;
		if (!strcmp(word, "epoch"))
			epoch = atof(pair);
		else if (!strcmp(word, "driver"))
			snprintf(driver, sizeof(driver), "%s", pair);
		else if (!strcmp(word, "trace"))
			trace_file = open(pair, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		else if (!strcmp(word, "stride"))
			stride = atoi(pair);
		else if (!strcmp(word, "shifted"))
			is_shifted = atoi(pair);
		return;
	}
	while ((pair = strtok_r(NULL, " \n", &rest))) {
		char *value = strchr(pair, '=');

		if (!value)
			continue;
		*value++ = 0;
		if (!strcmp(pair, "t"))
			at = rule->at = atof(value);
		else if (!strcmp(pair, "gpu"))
			index = rule->gpu = atoi(value);
		else if (!strcmp(word, "call") && !strcmp(pair, "fn"))
			snprintf(rule->function, sizeof(rule->function), "%s", value);
		else if (!strcmp(word, "call") && !strcmp(pair, "delay_ms"))
			rule->delay_ms = strtoul(value, NULL, 0);
		else if (!strcmp(word, "call") && !strcmp(pair, "ret"))
			rule->code = atoi(value);
		else if (!strcmp(word, "call") && !strcmp(pair, "hang"))
			rule->hangs = atoi(value);
		else if (!strcmp(word, "call") && !strcmp(pair, "crash"))
			rule->crashes = atoi(value);
		else if (gpu && !strcmp(pair, "pci"))
			snprintf(gpu->pci, sizeof(gpu->pci), "%s", value);
		else if (gpu && !strcmp(pair, "name"))
			copy(gpu->name, sizeof(gpu->name), value);
		else if (gpu && !strcmp(pair, "uuid"))
			snprintf(gpu->uuid, sizeof(gpu->uuid), "%s", value);
		else if (gpu && !strcmp(pair, "pids"))
			read_pids(gpu, value);
		else if (gpu && !strcmp(pair, "progress"))
			gpu->progress = shared(value);
		else
			add_setting(index, at, pair, strtod(value, NULL));
	}
}

void read_scenario(void)
{
	const char *path = getenv("FAKE_NVML");
	char line[4096] = "";
	Dl_info own;
	FILE *file;

	if (!path && dladdr((void *)read_scenario, &own)) {
		const char *slash = strrchr(own.dli_fname, '/');

		snprintf(line, sizeof(line), "%.*s/scenario",
			 slash ? (int)(slash - own.dli_fname) : 1, slash ? own.dli_fname : ".");
		path = line;
	}
	file = path ? fopen(path, "re") : NULL;

	gpu_count = setting_count = rule_count = 0;
	while (file && fgets(line, sizeof(line), file))
		read_line(line);
	if (file)
		fclose(file);
	if (epoch < 0)
		epoch = clock_of(CLOCK_MONOTONIC);
}

nvmlReturn_t begin(const char *function, nvmlDevice_t device)
{
	const struct gpu *gpu = (const struct gpu *)device;
	int index = gpu ? gpu->index : -1;
	char line[160];

	if (trace_file >= 0) {
		int length = snprintf(line, sizeof(line), "%llu %ld %s %d\n",
				      (unsigned long long)(clock_of(CLOCK_MONOTONIC) * 1e9),
				      syscall(SYS_gettid), function, index);

		if (write(trace_file, line, length) != length)
			trace_file = -1;
	}
	for (int i = 0; i < rule_count; i++) {
		const struct rule *rule = &rules[i];
		struct timespec delay = { rule->delay_ms / 1000, rule->delay_ms % 1000 * 1000000 };

		if ((rule->gpu >= 0 && rule->gpu != index) || elapsed() < rule->at ||
		    (strcmp(rule->function, "*") && strcmp(rule->function, function)))
			continue;
		if (rule->delay_ms)
			nanosleep(&delay, NULL);
		if (rule->crashes)
			*(volatile int *)8 = 0;
		while (rule->hangs)
			pause();
		if (rule->code)
			return rule->code;
	}
	return gpu && get(gpu, "lost", 0) ? NVML_ERROR_GPU_IS_LOST : NVML_SUCCESS;
}
