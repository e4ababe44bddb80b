/* The avx512 tier. */
#include "tier.h"

const bl_kernels bl_kernels_avx512 = BL_TIER_TABLE("avx512");
