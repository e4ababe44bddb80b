/* Raw values of a matrix as doubles; strides and alignment may be any. */
#ifndef BOOSTLAB_LOAD_H
#define BOOSTLAB_LOAD_H

#include <string.h>

#include "boostlab_core.h"

static inline int64_t bl_item_size(bl_dtype dtype)
{
    return dtype == BL_FLOAT32 ? (int64_t)sizeof(float) : (int64_t)sizeof(double);
}

static inline double bl_load_float32(const char *at)
{
    float x;
    memcpy(&x, at, sizeof x);
    return (double)x;
}

static inline double bl_load_float64(const char *at)
{
    double x;
    memcpy(&x, at, sizeof x);
    return x;
}

/* Return `n` values of a feature from row `start`: in place where they are doubles side
 * by side, else copied to `out`. */
static inline const double *bl_load_column(const bl_matrix *x, int64_t start, int64_t n,
                                           int64_t feature, double *out)
{
    int64_t stride = x->row_stride;
    const char *at = x->data + start * stride + feature * x->feature_stride;
    if (x->dtype == BL_FLOAT32) {
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_load_float32(at + i * stride);
        return out;
    }
    int is_aligned = (uintptr_t)at % sizeof(double) == 0;
    if (is_aligned && stride == (int64_t)sizeof(double))
        return (const double *)(const void *)at;
    for (int64_t i = 0; i < n; i++)
        out[i] = bl_load_float64(at + i * stride);
    return out;
}

/* Copy `n` rows of some features, which are side by side in a row, to out[j * step]. */
static inline void bl_load_rows(const bl_matrix *x, int64_t start, int64_t n,
                                int64_t first, int32_t n_features, int64_t step,
                                double *out)
{
    int64_t size = bl_item_size(x->dtype);
    for (int64_t i = 0; i < n; i++) {
        const char *row = x->data + (start + i) * x->row_stride + first * size;
        if (x->dtype == BL_FLOAT32)
            for (int32_t j = 0; j < n_features; j++)
                out[j * step + i] = bl_load_float32(row + j * size);
        else
            for (int32_t j = 0; j < n_features; j++)
                out[j * step + i] = bl_load_float64(row + j * size);
    }
}

#endif
