/* The avx2 tier. */
#include "tier.h"

const bl_kernels bl_kernels_avx2 = BL_TIER_TABLE("avx2");
