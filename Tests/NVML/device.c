/* SPDX-License-Identifier: Apache-2.0 */
/* Start, handles, and figures that are asked for one by one. */
#include "fake.h"

#include <stdio.h>
#include <string.h>

static int is_started;

static nvmlReturn_t answer(char *to, unsigned size, const char *from)
{
	if (strlen(from) >= size)
		return NVML_ERROR_INSUFFICIENT_SIZE;
	strcpy(to, from);
	return NVML_SUCCESS;
}

nvmlReturn_t nvmlInitWithFlags(unsigned flags)
{
	nvmlReturn_t result;

	(void)flags;
	pthread_mutex_lock(&lock);
	if (!is_started)
		read_scenario();
	result = begin("nvmlInit_v2", NULL);
	if (!result && !is_started) {
		is_started = 1;
		start_sampling();
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
