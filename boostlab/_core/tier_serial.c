/* The serial tier. */
#include "tier.h"

const bl_kernels bl_kernels_serial = BL_TIER_TABLE("serial");
