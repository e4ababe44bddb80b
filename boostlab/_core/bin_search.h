/* A search for the bins of one feature, and the slots that it begins from.
 *
 * A slot is either a multiple of a unit, counted from the first border, or the leading
 * bits of a number, whose unit grows with it; whichever leaves fewer borders to compare.
 */
#ifndef BOOSTLAB_BIN_SEARCH_H
#define BOOSTLAB_BIN_SEARCH_H

#include <string.h>

#include "kernels.h"

/* Integers in the order of the floats that they are made of; NaNs are at the ends. */
static inline int64_t bl_float_key(double x)
{
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits < 0 ? INT64_MAX : 0);
}

static inline int32_t bl_linear_slot(const bl_bin_search *search, double x)
{
    double at = (x - search->first) * search->scale;
    at = at > 0.0 ? at : 0.0; /* NaN too */
    return (int32_t)(at < BL_BIN_SLOTS - 1.0 ? at : BL_BIN_SLOTS - 1.0);
}

static inline int32_t bl_float_slot(const bl_bin_search *search, double x)
{
    int64_t key = bl_float_key(x);
    key = key > search->first_key ? key : search->first_key;
    key = key < search->last_key ? key : search->last_key;
    return (int32_t)(((uint64_t)key - (uint64_t)search->first_key) >> search->shift);
}

/* Prepare a search between n_borders <= 254 borders, strictly ascending. Making slots
 * costs what about a thousand values cost without, so it is left to the caller. */
void bl_prepare_search(const double *borders, int32_t n_borders, int with_slots,
                       bl_bin_search *search);

#endif
