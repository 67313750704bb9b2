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
#ifndef FAKE_H
#define FAKE_H

#include <nvml.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

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

extern pthread_mutex_t lock;
extern struct gpu gpus[MOST_GPUS];
extern int gpu_count;
extern char driver[64];
extern int stride;
extern int is_shifted;

double clock_of(clockid_t id);

/* The value of a key now, or what a rate has added up to since the epoch; both have a default. */
double get(const struct gpu *gpu, const char *key, double value);
double sum(const struct gpu *gpu, const char *key, double rate);

/* For how long the GPU has been busy, ns. */
uint64_t busy(const struct gpu *gpu);

void read_scenario(void);
void start_sampling(void);

/* Every call begins here: traced, delayed, refused, hung or crashed as the scenario wants. */
nvmlReturn_t begin(const char *function, nvmlDevice_t device);

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

#endif
