/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Stoker asks of NVIDIA's management library, declared here and looked up at run time: the
 * library comes with the driver and is not there on most build hosts.
 *
 * Only symbols and layouts that every driver since R470 has, or that have a stand-in: see
 * nvml_open(). Tests/NVML checks this file against NVIDIA's own header.
 */
#ifndef CNVML_H
#define CNVML_H

#include <stddef.h>
#include <stdint.h>

enum nvml_code {
	NVML_CODE_OK = 0,
	NVML_CODE_NOT_SUPPORTED = 3,
	NVML_CODE_NOT_FOUND = 6,
	NVML_CODE_INSUFFICIENT_SIZE = 7,
	NVML_CODE_GPU_LOST = 15,
	NVML_CODE_MISMATCH = 18,
	/* Ours: the library lacks the symbol. */
	NVML_CODE_NO_SYMBOL = -1,
};

typedef struct nvml_device *nvml_device_t;
typedef struct nvml_gpm_sample *nvml_gpm_sample_t;

struct nvml_pci {
	char legacy_bus_id[16];
	uint32_t domain;
	uint32_t bus;
	uint32_t device;
	uint32_t device_id;
	uint32_t subsystem_id;
	char bus_id[32];
};

struct nvml_utilization {
	uint32_t gpu; /* percent */
	uint32_t memory;
};

struct nvml_memory {
	uint64_t total;
	uint64_t free;
	uint64_t used;
};

/* Which member counts is told apart by the type that comes with it. */
union nvml_value {
	double number;
	int32_t signed_int;
	uint32_t unsigned_int;
	uint64_t unsigned_long;
	int64_t signed_long;
	uint16_t unsigned_short;
};

enum nvml_value_type {
	NVML_TYPE_DOUBLE = 0,
	NVML_TYPE_UNSIGNED_INT = 1,
	NVML_TYPE_UNSIGNED_LONG = 2,
	NVML_TYPE_UNSIGNED_LONG_LONG = 3,
	NVML_TYPE_SIGNED_LONG_LONG = 4,
	NVML_TYPE_SIGNED_INT = 5,
	NVML_TYPE_UNSIGNED_SHORT = 6,
};

struct nvml_sample {
	uint64_t microseconds;
	union nvml_value value;
};

struct nvml_field {
	uint32_t id;
	uint32_t scope;
	int64_t microseconds;
	int64_t latency_microseconds;
	uint32_t type;
	int32_t code;
	union nvml_value value;
};

struct nvml_violation {
	uint64_t reference_microseconds;
	uint64_t violation_nanoseconds;
};

struct nvml_gpm_support {
	uint32_t version;
	uint32_t is_supported;
};

struct nvml_gpm_metric {
	uint32_t id;
	int32_t code;
	double value;
	const char *short_name;
	const char *long_name;
	const char *unit;
};

enum { NVML_GPM_METRICS = 3 };

/* The array's bound grew from release to release; the library reads `count` of them. */
struct nvml_gpm_request {
	uint32_t version;
	uint32_t count;
	nvml_gpm_sample_t earlier;
	nvml_gpm_sample_t later;
	struct nvml_gpm_metric metrics[NVML_GPM_METRICS];
};

_Static_assert(sizeof(struct nvml_pci) == 68, "nvmlPciInfo_t");
_Static_assert(offsetof(struct nvml_pci, bus_id) == 36, "nvmlPciInfo_t.busId");
_Static_assert(sizeof(struct nvml_utilization) == 8, "nvmlUtilization_t");
_Static_assert(sizeof(struct nvml_memory) == 24, "nvmlMemory_t");
_Static_assert(sizeof(struct nvml_sample) == 16, "nvmlSample_t");
_Static_assert(sizeof(struct nvml_field) == 40, "nvmlFieldValue_t");
_Static_assert(offsetof(struct nvml_field, type) == 24, "nvmlFieldValue_t.valueType");
_Static_assert(offsetof(struct nvml_field, value) == 32, "nvmlFieldValue_t.value");
_Static_assert(sizeof(struct nvml_violation) == 16, "nvmlViolationTime_t");
_Static_assert(sizeof(struct nvml_gpm_support) == 8, "nvmlGpmSupport_t");
_Static_assert(sizeof(struct nvml_gpm_metric) == 40, "nvmlGpmMetric_t");
_Static_assert(offsetof(struct nvml_gpm_request, metrics) == 24, "nvmlGpmMetricsGet_t.metrics");

/* Functions of one library; a null pointer where it lacks the symbol. */
struct nvml_library {
	int (*init)(void);
	int (*shutdown)(void);
	int (*driver_version)(char *text, uint32_t size);
	int (*count)(uint32_t *count);
	int (*by_index)(uint32_t index, nvml_device_t *device);
	int (*by_pci)(const char *address, nvml_device_t *device);
	int (*pci)(nvml_device_t device, struct nvml_pci *pci);
	int (*name)(nvml_device_t device, char *text, uint32_t size);
	int (*uuid)(nvml_device_t device, char *text, uint32_t size);
	int (*minor)(nvml_device_t device, uint32_t *minor);
	int (*persistence)(nvml_device_t device, uint32_t *mode);
	int (*mig)(nvml_device_t device, uint32_t *current, uint32_t *pending);
	int (*utilization)(nvml_device_t device, struct nvml_utilization *rates);
	int (*samples)(nvml_device_t device, uint32_t kind, uint64_t last, uint32_t *type,
		       uint32_t *count, struct nvml_sample *samples);
	int (*fields)(nvml_device_t device, int32_t count, struct nvml_field *fields);
	int (*violation)(nvml_device_t device, uint32_t policy, struct nvml_violation *time);
	int (*clock)(nvml_device_t device, uint32_t kind, uint32_t *megahertz);
	int (*max_clock)(nvml_device_t device, uint32_t kind, uint32_t *megahertz);
	int (*clock_reasons)(nvml_device_t device, uint64_t *bits);
	int (*power)(nvml_device_t device, uint32_t *milliwatts);
	int (*power_limit)(nvml_device_t device, uint32_t *milliwatts);
	int (*default_power_limit)(nvml_device_t device, uint32_t *milliwatts);
	int (*energy)(nvml_device_t device, uint64_t *millijoules);
	int (*temperature)(nvml_device_t device, uint32_t sensor, uint32_t *celsius);
	int (*memory)(nvml_device_t device, struct nvml_memory *memory);
	int (*link_generation)(nvml_device_t device, uint32_t *generation);
	int (*link_width)(nvml_device_t device, uint32_t *lanes);
	int (*max_link_generation)(nvml_device_t device, uint32_t *generation);
	int (*max_link_width)(nvml_device_t device, uint32_t *lanes);
	int (*replays)(nvml_device_t device, uint32_t *count);
	int (*ecc_errors)(nvml_device_t device, uint32_t type, uint32_t counter, uint64_t *count);
	int (*remapped_rows)(nvml_device_t device, uint32_t *corrected, uint32_t *uncorrected,
			     uint32_t *pending, uint32_t *failed);
	/* Entries of 24 bytes, or of 32 with drivers 535.43 to 535.86: see ProcessList.swift. */
	int (*processes)(nvml_device_t device, uint32_t *count, void *entries);
	int (*gpm_support)(nvml_device_t device, struct nvml_gpm_support *support);
	int (*gpm_allocate)(nvml_gpm_sample_t *sample);
	int (*gpm_sample)(nvml_device_t device, nvml_gpm_sample_t sample);
	int (*gpm_metrics)(struct nvml_gpm_request *request);
};

/*
 * Loads the library at `path` (a name without a slash is searched for as the loader does) and
 * looks every function up. Answers 0, or -1 with a sentence in `why`.
 */
int nvml_open(const char *path, struct nvml_library *library, char *why, size_t size);

#endif
