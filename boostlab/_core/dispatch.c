/* Which tier runs: chosen once, on first use. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

static const bl_kernels *chosen;

static int cpu_runs(const bl_kernels *tier)
{
    if (tier == &bl_kernels_serial)
        return 1;
#ifdef BL_HAVE_X86_TIERS
    __builtin_cpu_init();
    if (tier == &bl_kernels_avx2)
        return __builtin_cpu_supports("avx2") != 0;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

static const bl_kernels *const tiers[] = {
#ifdef BL_HAVE_X86_TIERS
    &bl_kernels_avx512,
    &bl_kernels_avx2,
#endif
    &bl_kernels_serial,
};
enum { N_TIERS = sizeof tiers / sizeof *tiers };

int bl_set_cpu(const char *name)
{
    for (int i = 0; i < N_TIERS; i++)
        if (strcmp(tiers[i]->name, name) == 0 && cpu_runs(tiers[i])) {
            chosen = tiers[i];
            return BL_OK;
        }
    return BL_NO_TIER;
}

const bl_kernels *bl_cpu(void)
{
    if (!chosen) {
        const char *name = getenv("BOOSTLAB_CPU");
        for (int i = N_TIERS - 1; i >= 0; i--)
            if (cpu_runs(tiers[i]))
                chosen = tiers[i];
        if (name)
            bl_set_cpu(name);
    }
    return chosen;
}

const char *bl_cpu_name(void)
{
    return bl_cpu()->name;
}
