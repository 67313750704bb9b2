/* SPDX-License-Identifier: Apache-2.0 */
#include "CNVML.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* A function's place in the table, its name, and an older one with the same signature. */
struct symbol {
	size_t offset;
	const char *name;
	const char *older;
};

#define SYMBOL(member, name, older)                                \
	{                                                          \
		offsetof(struct nvml_library, member), name, older \
	}

static const struct symbol symbols[] = {
	SYMBOL(init, "nvmlInit_v2", NULL),
	SYMBOL(shutdown, "nvmlShutdown", NULL),
	SYMBOL(driver_version, "nvmlSystemGetDriverVersion", NULL),
	SYMBOL(count, "nvmlDeviceGetCount_v2", NULL),
	SYMBOL(by_index, "nvmlDeviceGetHandleByIndex_v2", NULL),
	SYMBOL(by_pci, "nvmlDeviceGetHandleByPciBusId_v2", NULL),
	SYMBOL(pci, "nvmlDeviceGetPciInfo_v3", NULL),
	SYMBOL(name, "nvmlDeviceGetName", NULL),
	SYMBOL(uuid, "nvmlDeviceGetUUID", NULL),
	SYMBOL(minor, "nvmlDeviceGetMinorNumber", NULL),
	SYMBOL(persistence, "nvmlDeviceGetPersistenceMode", NULL),
	SYMBOL(mig, "nvmlDeviceGetMigMode", NULL),
	SYMBOL(utilization, "nvmlDeviceGetUtilizationRates", NULL),
	SYMBOL(samples, "nvmlDeviceGetSamples", NULL),
	SYMBOL(fields, "nvmlDeviceGetFieldValues", NULL),
	SYMBOL(violation, "nvmlDeviceGetViolationStatus", NULL),
	SYMBOL(clock, "nvmlDeviceGetClockInfo", NULL),
	SYMBOL(max_clock, "nvmlDeviceGetMaxClockInfo", NULL),
	/* Renamed in R535. */
	SYMBOL(clock_reasons, "nvmlDeviceGetCurrentClocksEventReasons",
	       "nvmlDeviceGetCurrentClocksThrottleReasons"),
	SYMBOL(power, "nvmlDeviceGetPowerUsage", NULL),
	SYMBOL(power_limit, "nvmlDeviceGetEnforcedPowerLimit", NULL),
	SYMBOL(default_power_limit, "nvmlDeviceGetPowerManagementDefaultLimit", NULL),
	SYMBOL(energy, "nvmlDeviceGetTotalEnergyConsumption", NULL),
	SYMBOL(temperature, "nvmlDeviceGetTemperature", NULL),
	SYMBOL(memory, "nvmlDeviceGetMemoryInfo", NULL),
	SYMBOL(link_generation, "nvmlDeviceGetCurrPcieLinkGeneration", NULL),
	SYMBOL(link_width, "nvmlDeviceGetCurrPcieLinkWidth", NULL),
	SYMBOL(max_link_generation, "nvmlDeviceGetMaxPcieLinkGeneration", NULL),
	SYMBOL(max_link_width, "nvmlDeviceGetMaxPcieLinkWidth", NULL),
	SYMBOL(replays, "nvmlDeviceGetPcieReplayCounter", NULL),
	SYMBOL(ecc_errors, "nvmlDeviceGetTotalEccErrors", NULL),
	SYMBOL(remapped_rows, "nvmlDeviceGetRemappedRows", NULL),
	/* Since R510, gone in 535.98, and back in 535.104. */
	SYMBOL(processes, "nvmlDeviceGetComputeRunningProcesses_v3",
	       "nvmlDeviceGetComputeRunningProcesses_v2"),
	/* Since R520, for GPUs since Hopper. */
	SYMBOL(gpm_support, "nvmlGpmQueryDeviceSupport", NULL),
	SYMBOL(gpm_allocate, "nvmlGpmSampleAlloc", NULL),
	SYMBOL(gpm_sample, "nvmlGpmSampleGet", NULL),
	SYMBOL(gpm_metrics, "nvmlGpmMetricsGet", NULL),
};

int nvml_open(const char *path, struct nvml_library *library, char *why, size_t size)
{
	/* Bound at once: a symbol that cannot be resolved must fail here, not in a call. */
	void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	size_t i;

	memset(library, 0, sizeof(*library));
	if (!handle) {
		snprintf(why, size, "%s", dlerror());
		return -1;
	}
	for (i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		void *found = dlsym(handle, symbols[i].name);

		if (!found && symbols[i].older)
			found = dlsym(handle, symbols[i].older);
		memcpy((char *)library + symbols[i].offset, &found, sizeof(found));
	}
	if (library->init && library->count && library->by_index && library->pci)
		return 0;
	snprintf(why, size, "%s lacks functions that every driver since R470 has", path);
	dlclose(handle);
	return -1;
}
