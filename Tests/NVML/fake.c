/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libnvidia-ml.so.1 that tells what a text file says. It is compiled against NVIDIA's own
 * header, so every signature and layout is checked; -DRELEASE=470 leaves out what that driver
 * branch did not have.
 *
 * The scenario is the file that FAKE_NVML names, else the file `scenario` beside the library, or
 * beside the link by which it was loaded. Each line is a word and settings; times are seconds since `epoch`
 * (CLOCK_MONOTONIC; without it, since nvmlInit):
 *
 *   epoch 1234.5
 *   driver 570.86.15
 *   trace /tmp/calls                a line for each call: ns, thread, function, GPU or -1
 *   stride 32                       the process lists of drivers 535.43 to 535.86
 *   shifted 1                       field ids of 13.0.87 and later: 251 is no throttle time
 *   gpu 0 pci=0000:1b:00.0 name=NVIDIA_H100 uuid=GPU-1 pids=5000,5001 progress=/dev/shm/busy:0
 *   set gpu=0 t=5 util=80 sm=990 reasons=0x48
 *   call fn=nvmlDeviceGetPowerUsage gpu=0 t=3 delay_ms=20 ret=15 hang=1 crash=1
 *
 * `call` with fn=* is every function of that GPU, without gpu= it is every GPU. Keys of `set` are
 * in the functions below; those of counters are rates a second. Ids of GPUs go up from 0.
 *
 * progress=FILE:N makes a GPU's activity that of a real process: FILE is an array of 8-byte
 * little-endian unsigned integers in shared memory, and the process keeps the Nth at the
 * nanoseconds that "the GPU" has been busy so far. It only grows, in steps as small as the
 * process likes. Sampled five times a second, as drivers do, by a thread that nvmlInit starts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <nvml.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef RELEASE
#define RELEASE 9999
#endif

enum { MOST_GPUS = 16, MOST_SETTINGS = 4096, MOST_RULES = 64, MOST_PIDS = 64, RING = 72 };
#define STEP_NS 200000000ull

struct gpu {
	int index;
	char pci[32];
	char name[96];
	char uuid[96];
	unsigned pids[MOST_PIDS];
	unsigned pid_count;
	volatile uint64_t *progress;
	uint64_t seen;
	nvmlSample_t ring[RING];
	unsigned written;
};

struct setting {
	double at;
	int gpu;
	char key[24];
	double value;
};

struct rule {
	char function[64];
	int gpu;
	double at;
	unsigned delay_ms;
	int code;
	int hangs;
	int crashes;
};

struct nvmlGpmSample_st {
	double at;
	uint64_t busy;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct gpu gpus[MOST_GPUS];
static int gpu_count;
static struct setting settings[MOST_SETTINGS];
static int setting_count;
static struct rule rules[MOST_RULES];
static int rule_count;
static char driver[64] = "570.86.15";
static double epoch = -1;
static int stride = 24;
static int is_shifted;
static int trace_file = -1;
static int is_started;

static double clock_of(clockid_t id)
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

static double get(const struct gpu *gpu, const char *key, double value)
{
	double now = elapsed();

	for (int i = 0; i < setting_count; i++)
		if (settings[i].gpu == gpu->index && settings[i].at <= now &&
		    !strcmp(settings[i].key, key))
			value = settings[i].value;
	return value;
}

/* What a rate has added up to since the epoch. */
static double sum(const struct gpu *gpu, const char *key, double rate)
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

static uint64_t busy(const struct gpu *gpu)
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

static void read_scenario(void)
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

/* The ring of utilisation samples. */

static void *sample(void *none)
{
	double last = clock_of(CLOCK_MONOTONIC);

	(void)none;
	while (1) {
		struct timespec step = { 0, STEP_NS };
		double now;

		nanosleep(&step, NULL);
		now = clock_of(CLOCK_MONOTONIC);
		pthread_mutex_lock(&lock);
		for (int i = 0; i < gpu_count; i++) {
			struct gpu *gpu = &gpus[i];
			uint64_t total = busy(gpu);
			double percent = (total - gpu->seen) / 1e9 / (now - last) * 100;
			nvmlSample_t *entry = &gpu->ring[gpu->written % RING];

			gpu->seen = total;
			/* Nothing is added while the GPU rests. */
			if (get(gpu, "silent", 0))
				continue;
			entry->timeStamp = clock_of(CLOCK_REALTIME) * 1e6;
			entry->sampleValue.uiVal = percent < 0	 ? 0 :
						   percent > 100 ? 100 :
								   percent + 0.5;
			gpu->written++;
		}
		pthread_mutex_unlock(&lock);
		last = now;
	}
	return NULL;
}

/* Every call begins here: traced, delayed, refused, hung or crashed as the scenario wants. */
static nvmlReturn_t begin(const char *function, nvmlDevice_t device)
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

#define BEGIN(device)                                         \
	const struct gpu *gpu = (const struct gpu *)(device); \
	nvmlReturn_t code = begin(__func__, device);          \
	(void)gpu;                                            \
	if (code)                                             \
	return code

#define NUMBER(function, type, key, value)                       \
	nvmlReturn_t function(nvmlDevice_t device, type *result) \
	{                                                        \
		BEGIN(device);                                   \
		*result = get(gpu, key, value);                  \
		return NVML_SUCCESS;                             \
	}

static nvmlReturn_t answer(char *to, unsigned size, const char *from)
{
	if (strlen(from) >= size)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	strcpy(to, from);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
	pthread_t thread;
	nvmlReturn_t result;

	(void)flags;
	pthread_mutex_lock(&lock);
	if (!is_started)
		read_scenario();
	result = begin("nvmlInit_v2", NULL);
	if (!result && !is_started) {
		is_started = 1;
		for (int i = 0; i < gpu_count; i++)
			gpus[i].seen = busy(&gpus[i]);
		pthread_create(&thread, NULL, sample, NULL);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

nvmlReturn_t nvmlInit_v2(void)
{
	return nvmlInitWithFlags(0);
}

nvmlReturn_t nvmlShutdown(void)
{
	return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t result)
{
	return result == NVML_ERROR_GPU_IS_LOST ? "GPU is lost" : "an error of the fake";
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned length)
{
	BEGIN(NULL);
	return answer(version, length, driver);
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned *count)
{
	BEGIN(NULL);
	*count = gpu_count;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t *device)
{
	BEGIN(NULL);
	if (index >= (unsigned)gpu_count)
		return NVML_ERROR_INVALID_ARGUMENT;
	*device = (nvmlDevice_t)&gpus[index];
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *address, nvmlDevice_t *device)
{
	unsigned wanted[4], has[4];

	BEGIN(NULL);
	if (sscanf(address, "%x:%x:%x.%x", &wanted[0], &wanted[1], &wanted[2], &wanted[3]) != 4)
		return NVML_ERROR_INVALID_ARGUMENT;
	for (int i = 0; i < gpu_count; i++) {
		sscanf(gpus[i].pci, "%x:%x:%x.%x", &has[0], &has[1], &has[2], &has[3]);
		if (memcmp(wanted, has, sizeof(has)))
			continue;
		*device = (nvmlDevice_t)&gpus[i];
		return begin(__func__, *device);
	}
	return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci)
{
	BEGIN(device);
	memset(pci, 0, sizeof(*pci));
	sscanf(gpu->pci, "%x:%x:%x", &pci->domain, &pci->bus, &pci->device);
	snprintf(pci->busId, sizeof(pci->busId), "%08X:%02X:%02X.0", pci->domain, pci->bus,
		 pci->device);
	snprintf(pci->busIdLegacy, sizeof(pci->busIdLegacy), "%04X:%02X:%02X.0",
		 pci->domain & 0xffff, pci->bus, pci->device);
	pci->pciDeviceId = 0x233010de;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned length)
{
	BEGIN(device);
	return answer(name, length, gpu->name);
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *uuid, unsigned length)
{
	BEGIN(device);
	return answer(uuid, length, gpu->uuid);
}

nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned *minor)
{
	BEGIN(device);
	*minor = get(gpu, "minor", gpu->index);
	return NVML_SUCCESS;
}

NUMBER(nvmlDeviceGetPersistenceMode, nvmlEnableState_t, "persistence", 1)
NUMBER(nvmlDeviceGetCurrPcieLinkGeneration, unsigned, "gen", 5)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, unsigned, "width", 16)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, unsigned, "max_gen", 5)
NUMBER(nvmlDeviceGetMaxPcieLinkWidth, unsigned, "max_width", 16)
NUMBER(nvmlDeviceGetPowerUsage, unsigned, "power", 300000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, unsigned, "limit", 700000)
NUMBER(nvmlDeviceGetPowerManagementDefaultLimit, unsigned, "default_limit", 700000)
#if RELEASE >= 535
NUMBER(nvmlDeviceGetCurrentClocksEventReasons, unsigned long long, "reasons", 0)
#endif
NUMBER(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, "reasons", 0)

nvmlReturn_t nvmlDeviceGetPcieReplayCounter(nvmlDevice_t device, unsigned *value)
{
	BEGIN(device);
	*value = sum(gpu, "replays", 0);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy)
{
	BEGIN(device);
	*energy = sum(gpu, "power", 300000);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned *current, unsigned *pending)
{
	BEGIN(device);
	*current = *pending = get(gpu, "mig", 0);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates)
{
	BEGIN(device);
	if (get(gpu, "mig", 0))
		return NVML_ERROR_NOT_SUPPORTED;
	pthread_mutex_lock(&lock);
	rates->gpu = gpu->progress && gpu->written ?
			     gpu->ring[(gpu->written - 1) % RING].sampleValue.uiVal :
			     (unsigned)get(gpu, "util", 0);
	pthread_mutex_unlock(&lock);
	rates->memory = get(gpu, "mem_util", 0);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, nvmlSamplingType_t type,
				  unsigned long long last, nvmlValueType_t *kind, unsigned *count,
				  nvmlSample_t *samples)
{
	unsigned room = *count, found = 0, first;

	BEGIN(device);
	if (type != NVML_GPU_UTILIZATION_SAMPLES || get(gpu, "mig", 0))
		return NVML_ERROR_NOT_SUPPORTED;
	*kind = NVML_VALUE_TYPE_UNSIGNED_INT;
	*count = RING;
	if (!samples)
		return NVML_SUCCESS;
	pthread_mutex_lock(&lock);
	first = gpu->written > RING ? gpu->written - RING : 0;
	for (unsigned i = first; i < gpu->written && found < room; i++)
		if (gpu->ring[i % RING].timeStamp > last)
			samples[found++] = gpu->ring[i % RING];
	pthread_mutex_unlock(&lock);
	*count = found;
	return found ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

static const char *const policies[] = { "policy_power",	    "policy_thermal",
					"policy_sync",	    "policy_board",
					"policy_low",	    "policy_reliability",
					"policy_below_app", "policy_below_base" };

static void field(const struct gpu *gpu, nvmlFieldValue_t *value)
{
	double now = -1;

	value->nvmlReturn = NVML_SUCCESS;
	value->valueType = NVML_VALUE_TYPE_UNSIGNED_LONG_LONG;
	switch (value->fieldId) {
	case NVML_FI_DEV_PERF_POLICY_POWER ... NVML_FI_DEV_PERF_POLICY_TOTAL_BASE_CLOCKS:
		now = sum(gpu, policies[value->fieldId - NVML_FI_DEV_PERF_POLICY_POWER], 0) * 1e9;
		break;
	case NVML_FI_DEV_MEMORY_TEMP:
		now = get(gpu, "mem_temp", 55);
		value->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
		break;
	case NVML_FI_DEV_PCIE_REPLAY_COUNTER:
		now = sum(gpu, "replays", 0);
		value->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
		break;
	case NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX:
	case NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX:
		now = value->scopeId != (unsigned)-1 ? -1 :
		      value->fieldId == NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX ?
						       sum(gpu, "nvlink_tx", 0) :
						       sum(gpu, "nvlink_rx", 0);
		break;
#if RELEASE >= 520
	case NVML_FI_DEV_NVLINK_ERROR_DL_CRC:
		now = sum(gpu, "nvlink_crc", 0);
		break;
#endif
#if RELEASE >= 550
	/* These wrap at 32 bits. */
	case NVML_FI_DEV_PCIE_COUNT_TX_BYTES:
	case NVML_FI_DEV_PCIE_COUNT_RX_BYTES:
		value->valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
		value->value.uiVal = (uint64_t)sum(
			gpu,
			value->fieldId == NVML_FI_DEV_PCIE_COUNT_TX_BYTES ? "pcie_tx" : "pcie_rx",
			0);
		return;
#endif
	case 251:
		/* Throttle time once, since 13.0.87 whether power smoothing is on. */
		now = is_shifted ? 1 : sum(gpu, "policy_thermal", 0) * 1e9;
		break;
	}
	if (now < 0)
		value->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
	else if (value->valueType == NVML_VALUE_TYPE_UNSIGNED_INT)
		value->value.uiVal = now;
	else
		value->value.ullVal = now;
}

nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int count, nvmlFieldValue_t *values)
{
	BEGIN(device);
	for (int i = 0; i < count; i++)
		field(gpu, &values[i]);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetViolationStatus(nvmlDevice_t device, nvmlPerfPolicyType_t policy,
					  nvmlViolationTime_t *time)
{
	int index = policy < 6 ? (int)policy : (int)policy - 4;

	BEGIN(device);
	if (index < 0 || index > 7)
		return NVML_ERROR_NOT_SUPPORTED;
	time->referenceTime = clock_of(CLOCK_REALTIME) * 1e6;
	time->violationTime = sum(gpu, policies[index], 0) * 1e9;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned *clock)
{
	BEGIN(device);
	*clock = type == NVML_CLOCK_MEM ? get(gpu, "mem", 2619) : get(gpu, "sm", 1980);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned *clock)
{
	BEGIN(device);
	*clock = type == NVML_CLOCK_MEM ? get(gpu, "max_mem", 2619) : get(gpu, "max_sm", 1980);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor,
				      unsigned *celsius)
{
	BEGIN(device);
	if (sensor != NVML_TEMPERATURE_GPU)
		return NVML_ERROR_INVALID_ARGUMENT;
	*celsius = get(gpu, "temp", 40);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory)
{
	BEGIN(device);
	memory->total = get(gpu, "memory", 85520809984.0);
	memory->used = get(gpu, "used", 1 << 30);
	memory->free = memory->total - memory->used;
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t type,
					 nvmlEccCounterType_t counter, unsigned long long *count)
{
	BEGIN(device);
	(void)counter;
	*count = get(gpu, type ? "ecc_uncorrected" : "ecc_corrected", 0);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned *corrected,
				       unsigned *uncorrected, unsigned *pending, unsigned *failed)
{
	BEGIN(device);
	*corrected = get(gpu, "remap_corrected", 0);
	*uncorrected = get(gpu, "remap_uncorrected", 0);
	*pending = get(gpu, "remap_pending", 0);
	*failed = get(gpu, "remap_failed", 0);
	return NVML_SUCCESS;
}

static nvmlReturn_t processes(nvmlDevice_t device, const char *name, int size, unsigned *count,
			      void *entries)
{
	const struct gpu *gpu = (const struct gpu *)device;
	nvmlReturn_t code = begin(name, device);
	unsigned room = *count;

	if (code)
		return code;
	*count = gpu->pid_count;
	if (gpu->pid_count > room)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	for (unsigned i = 0; i < gpu->pid_count; i++) {
		char *entry = (char *)entries + (size_t)i * size;

		/* Member by member: what is between them stays as it was. */
		*(unsigned *)entry = gpu->pids[i];
		*(unsigned long long *)(entry + 8) = 1 << 30;
		*(unsigned *)(entry + 16) = *(unsigned *)(entry + 20) = -1;
		if (size > 24)
			*(unsigned long long *)(entry + 24) = 0;
	}
	return NVML_SUCCESS;
}

#if RELEASE >= 510
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned *count,
						     nvmlProcessInfo_t *entries)
{
	return processes(device, __func__, stride, count, entries);
}
#endif

/* The header declares only the newest of these. */
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned *count,
						     void *entries);
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t device, unsigned *count,
						     void *entries)
{
	return processes(device, __func__, 24, count, entries);
}

#if RELEASE >= 520
nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t device, nvmlGpmSupport_t *support)
{
	BEGIN(device);
	support->isSupportedDevice = get(gpu, "gpm", 0);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *sample)
{
	*sample = calloc(1, sizeof(**sample));
	return *sample ? NVML_SUCCESS : NVML_ERROR_MEMORY;
}

nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t sample)
{
	free(sample);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t device, nvmlGpmSample_t sample)
{
	BEGIN(device);
	sample->at = clock_of(CLOCK_MONOTONIC);
	sample->busy = busy(gpu);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *request)
{
	double time = request->sample2->at - request->sample1->at;
	double share =
		time > 0 ? (request->sample2->busy - request->sample1->busy) / 1e9 / time : 0;

	BEGIN(NULL);
	if (request->version != NVML_GPM_METRICS_GET_VERSION)
		return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
	for (unsigned i = 0; i < request->numMetrics; i++) {
		nvmlGpmMetric_t *metric = &request->metrics[i];

		metric->nvmlReturn = NVML_SUCCESS;
		/* Of the multiprocessors three quarters, of the tensor cores half. */
		switch (metric->metricId) {
		case NVML_GPM_METRIC_GRAPHICS_UTIL:
			metric->value = share * 100;
			break;
		case NVML_GPM_METRIC_SM_UTIL:
			metric->value = share * 75;
			break;
		case NVML_GPM_METRIC_ANY_TENSOR_UTIL:
			metric->value = share * 50;
			break;
		default:
			metric->nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
		}
	}
	return NVML_SUCCESS;
}
#endif
