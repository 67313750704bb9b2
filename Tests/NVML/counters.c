/* SPDX-License-Identifier: Apache-2.0 */
/* The ring of samples, fields, lists of processes and the GPU's own counters. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

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

void start_sampling(void)
{
	pthread_t thread;

	for (int i = 0; i < gpu_count; i++)
		gpus[i].seen = busy(&gpus[i]);
	pthread_create(&thread, NULL, sample, NULL);
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
