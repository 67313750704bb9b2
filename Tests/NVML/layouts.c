/* SPDX-License-Identifier: Apache-2.0 */
/* Compiles where Stoker's own declarations of NVML agree with NVIDIA's header. */
#include "CNVML.h"

#include <nvml.h>

#define SAME(ours, theirs) _Static_assert(sizeof(ours) == sizeof(theirs), #theirs)
#define PLACE(ours, member, theirs, their_member) \
	_Static_assert(offsetof(ours, member) == offsetof(theirs, their_member), #theirs)
#define VALUE(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), #theirs)

SAME(struct nvml_pci, nvmlPciInfo_t);
PLACE(struct nvml_pci, bus_id, nvmlPciInfo_t, busId);
SAME(struct nvml_utilization, nvmlUtilization_t);
SAME(struct nvml_memory, nvmlMemory_t);
PLACE(struct nvml_memory, used, nvmlMemory_t, used);
SAME(union nvml_value, nvmlValue_t);
SAME(struct nvml_sample, nvmlSample_t);
PLACE(struct nvml_sample, value, nvmlSample_t, sampleValue);
SAME(struct nvml_field, nvmlFieldValue_t);
PLACE(struct nvml_field, scope, nvmlFieldValue_t, scopeId);
PLACE(struct nvml_field, type, nvmlFieldValue_t, valueType);
PLACE(struct nvml_field, code, nvmlFieldValue_t, nvmlReturn);
PLACE(struct nvml_field, value, nvmlFieldValue_t, value);
SAME(struct nvml_violation, nvmlViolationTime_t);
PLACE(struct nvml_violation, violation_nanoseconds, nvmlViolationTime_t, violationTime);
SAME(struct nvml_gpm_support, nvmlGpmSupport_t);
SAME(struct nvml_gpm_metric, nvmlGpmMetric_t);
PLACE(struct nvml_gpm_metric, value, nvmlGpmMetric_t, value);
PLACE(struct nvml_gpm_request, later, nvmlGpmMetricsGet_t, sample2);
PLACE(struct nvml_gpm_request, metrics, nvmlGpmMetricsGet_t, metrics);

VALUE(NVML_CODE_OK, NVML_SUCCESS);
VALUE(NVML_CODE_NOT_SUPPORTED, NVML_ERROR_NOT_SUPPORTED);
VALUE(NVML_CODE_NOT_FOUND, NVML_ERROR_NOT_FOUND);
VALUE(NVML_CODE_INSUFFICIENT_SIZE, NVML_ERROR_INSUFFICIENT_SIZE);
VALUE(NVML_CODE_GPU_LOST, NVML_ERROR_GPU_IS_LOST);
VALUE(NVML_CODE_MISMATCH, NVML_ERROR_LIB_RM_VERSION_MISMATCH);
VALUE(16, NVML_ERROR_RESET_REQUIRED);
VALUE(NVML_TYPE_DOUBLE, NVML_VALUE_TYPE_DOUBLE);
VALUE(NVML_TYPE_UNSIGNED_INT, NVML_VALUE_TYPE_UNSIGNED_INT);
VALUE(NVML_TYPE_UNSIGNED_LONG, NVML_VALUE_TYPE_UNSIGNED_LONG);
VALUE(NVML_TYPE_UNSIGNED_LONG_LONG, NVML_VALUE_TYPE_UNSIGNED_LONG_LONG);
VALUE(NVML_TYPE_SIGNED_LONG_LONG, NVML_VALUE_TYPE_SIGNED_LONG_LONG);
VALUE(NVML_TYPE_SIGNED_INT, NVML_VALUE_TYPE_SIGNED_INT);
VALUE(NVML_TYPE_UNSIGNED_SHORT, NVML_VALUE_TYPE_UNSIGNED_SHORT);

/* Numbers that the Swift side writes: Field, Clock, ClockLimit, ThrottlePolicy, GPMCounters. */
VALUE(29, NVML_FI_DEV_RETIRED_SBE);
VALUE(30, NVML_FI_DEV_RETIRED_DBE);
VALUE(31, NVML_FI_DEV_RETIRED_PENDING);
VALUE(74, NVML_FI_DEV_PERF_POLICY_POWER);
VALUE(75, NVML_FI_DEV_PERF_POLICY_THERMAL);
VALUE(76, NVML_FI_DEV_PERF_POLICY_SYNC_BOOST);
VALUE(77, NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT);
VALUE(78, NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION);
VALUE(79, NVML_FI_DEV_PERF_POLICY_RELIABILITY);
VALUE(80, NVML_FI_DEV_PERF_POLICY_TOTAL_APP_CLOCKS);
VALUE(81, NVML_FI_DEV_PERF_POLICY_TOTAL_BASE_CLOCKS);
VALUE(82, NVML_FI_DEV_MEMORY_TEMP);
VALUE(94, NVML_FI_DEV_PCIE_REPLAY_COUNTER);
VALUE(138, NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_TX);
VALUE(139, NVML_FI_DEV_NVLINK_THROUGHPUT_DATA_RX);
VALUE(161, NVML_FI_DEV_NVLINK_ERROR_DL_REPLAY);
VALUE(162, NVML_FI_DEV_NVLINK_ERROR_DL_RECOVERY);
VALUE(163, NVML_FI_DEV_NVLINK_ERROR_DL_CRC);
VALUE(197, NVML_FI_DEV_PCIE_COUNT_TX_BYTES);
VALUE(198, NVML_FI_DEV_PCIE_COUNT_RX_BYTES);
VALUE(0, NVML_PERF_POLICY_POWER);
VALUE(5, NVML_PERF_POLICY_RELIABILITY);
VALUE(10, NVML_PERF_POLICY_TOTAL_APP_CLOCKS);
VALUE(11, NVML_PERF_POLICY_TOTAL_BASE_CLOCKS);
VALUE(1, NVML_GPU_UTILIZATION_SAMPLES);
VALUE(1, NVML_CLOCK_SM);
VALUE(2, NVML_CLOCK_MEM);
VALUE(0, NVML_MEMORY_ERROR_TYPE_CORRECTED);
VALUE(1, NVML_MEMORY_ERROR_TYPE_UNCORRECTED);
VALUE(0, NVML_VOLATILE_ECC);
VALUE(1, NVML_GPM_METRIC_GRAPHICS_UTIL);
VALUE(2, NVML_GPM_METRIC_SM_UTIL);
VALUE(5, NVML_GPM_METRIC_ANY_TENSOR_UTIL);
VALUE(0x2, nvmlClocksEventReasonApplicationsClocksSetting);
VALUE(0x4, nvmlClocksEventReasonSwPowerCap);
VALUE(0x8, nvmlClocksThrottleReasonHwSlowdown);
VALUE(0x10, nvmlClocksEventReasonSyncBoost);
VALUE(0x20, nvmlClocksEventReasonSwThermalSlowdown);
VALUE(0x40, nvmlClocksThrottleReasonHwThermalSlowdown);
VALUE(0x80, nvmlClocksThrottleReasonHwPowerBrakeSlowdown);
VALUE(0x100, nvmlClocksEventReasonDisplayClockSetting);
VALUE(0x200, nvmlClocksEventReasonBoardLimit);
VALUE(0x400, nvmlClocksEventReasonReliability);
