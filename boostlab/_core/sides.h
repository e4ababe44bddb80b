/* Which side of a split rows go to. */
#ifndef BOOSTLAB_SIDES_H
#define BOOSTLAB_SIDES_H

#include "kernels.h"

typedef struct {
    int32_t feature;
    int32_t bin;               /* last on the left */
    int missing_left;
    const uint64_t *subset;    /* the categories that go left, or NULL */
} bl_cut;

/* Stable partition: rows that go left to `left`, which may be `rows` itself, the others
 * to `right`; returns the number of left rows. */
int64_t bl_cut_rows(const bl_bins *bins, const bl_cut *cut, const int32_t *rows, int64_t n,
                    int32_t *left, int32_t *right);

#endif
