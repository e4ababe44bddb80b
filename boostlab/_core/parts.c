/* What parts of a table tell each other; boostlab_core.h has the contract. */
#include "grower.h"

#include <string.h>

void bl_reduce(bl_grower *s, int64_t *numbers, int64_t n, bl_reduction reduction)
{
    const bl_parts *parts = s->target->parts;
    if (parts && !s->failed && !parts->reduce(parts->context, numbers, n, reduction))
        s->failed = BL_NOT_REDUCED;
}

int64_t bl_packed_words(const bl_grower *s)
{
    int64_t cells = 0;
    for (int32_t b = 0; s->target->parts && b < s->bins->n_bundles; b++)
        cells += s->bins->n_codes[b] + 1;
    return cells * s->cell_words;
}

/* Bins that no value can be in are left out. */
void bl_reduce_cells(bl_grower *s, int64_t *cells)
{
    int64_t *at = s->packed, n = bl_packed_words(s), width = s->cell_words;
    if (!s->target->parts)
        return;
    for (int out = 0; out < 2; out++, at = s->packed) {
        for (int32_t b = 0; b < s->bins->n_bundles; b++) {
            int64_t *bundle = cells + (int64_t)b * BL_STRIDE * width;
            int64_t *missing = bundle + BL_MISSING * width;
            int64_t values = s->bins->n_codes[b] * width;
            size_t size = sizeof *cells;
            memcpy(out ? bundle : at, out ? at : bundle, (size_t)values * size);
            at += values;
            memcpy(out ? missing : at, out ? at : missing, (size_t)width * size);
            at += width;
        }
        if (!out)
            bl_reduce(s, s->packed, n, BL_REDUCE_SUM);
    }
}

int bl_reduce_extent(bl_grower *s)
{
    bl_extent *all = &s->extent;
    /* Doubles of at least 0 are in the order of their bits. */
    int64_t greatest[6] = {0, 0, 0, all->not_finite, all->negative, all->fractional};
    memcpy(greatest, &all->max_g, sizeof *greatest);
    memcpy(greatest + 1, &all->max_h, sizeof *greatest);
    memcpy(greatest + 2, &all->max_w, sizeof *greatest);
    s->n_all = s->n;
    bl_reduce(s, &s->n_all, 1, BL_REDUCE_SUM);
    bl_reduce(s, greatest, 6, BL_REDUCE_MAX);
    memcpy(&all->max_g, greatest, sizeof *greatest);
    memcpy(&all->max_h, greatest + 1, sizeof *greatest);
    memcpy(&all->max_w, greatest + 2, sizeof *greatest);
    all->not_finite = greatest[3] != 0;
    all->negative = greatest[4] != 0;
    all->fractional = greatest[5] != 0;
    if (s->failed)
        return s->failed;
    return s->n_all > BL_MAX_ROWS ? BL_TOO_MANY_ROWS : BL_OK;
}

int64_t bl_node_size(const bl_grower *s, int32_t id)
{
    const bl_node_state *node = s->nodes + id;
    uint64_t hw = (uint64_t)s->totals[id * s->cell_words + s->format.lanes];
    if (!s->target->parts)
        return node->end - node->begin;
    return (int64_t)bl_weight_lane(hw, &s->format);    /* at least 1 a row */
}
