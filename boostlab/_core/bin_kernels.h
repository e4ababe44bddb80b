/* Binning of values, compiled once per CPU tier.
 *
 * The bin of x is the number of borders below x. With the borders padded to 256 by
 * infinities, which are below nothing, it is found by eight comparisons and no branch;
 * a NaN is above no border, and is sent to BL_MISSING afterwards. Comparisons are
 * exact, so the tiers agree whatever order they search in.
 */
#ifndef BOOSTLAB_BIN_KERNELS_H
#define BOOSTLAB_BIN_KERNELS_H

#include <math.h>
#include <string.h>

#include "boostlab_core.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

enum { BL_BIN_LANES = 16, BL_BIN_TABLE = 256 };

/* Copy the borders and pad them; returns the least power of two above n_borders. */
static inline int32_t bl_pad_borders(const double *restrict borders, int32_t n_borders,
                                     double *restrict table)
{
    memcpy(table, borders, (size_t)n_borders * sizeof *table);
    for (int32_t i = n_borders; i < BL_BIN_TABLE; i++)
        table[i] = INFINITY;
    int32_t size = 1;
    while (size <= n_borders)
        size *= 2;
    return size;
}

static inline uint8_t bl_bin_value(double x, const double *table, int32_t size)
{
    int32_t at = 0;
    for (int32_t step = size / 2; step > 0; step /= 2)
        at += table[at + step - 1] < x ? step : 0;
    return x != x ? BL_MISSING : (uint8_t)at;
}

#ifdef __AVX512F__

/* One round of the search on eight lanes, given each lane's border to compare with. */
static inline __m512i bl_bin_step(__m512i at, __m512d border, __m512d x, int64_t step)
{
    __mmask8 above = _mm512_cmp_pd_mask(border, x, _CMP_LT_OQ);
    return _mm512_mask_add_epi64(at, above, at, _mm512_set1_epi64(step));
}

/* Two levels: which sixteenth of the table, from sixteen borders held in registers,
 * then within it, from memory. Few borders need the first level only. */
static int64_t bl_bin_vectors(const double *values, int64_t n, const double *table,
                              int32_t size, uint8_t *out)
{
    int deep = size > BL_BIN_LANES;
    double first[BL_BIN_LANES];
    for (int i = 0; i < BL_BIN_LANES; i++)
        first[i] = table[deep ? 16 * i + 15 : i];
    __m512d low = _mm512_loadu_pd(first), high = _mm512_loadu_pd(first + 8);
    __m512i missing = _mm512_set1_epi64(BL_MISSING);

    int64_t i = 0;
    for (; i + BL_BIN_LANES <= n; i += BL_BIN_LANES) {
        __m512d x[2];
        __m512i at[2];
        for (int v = 0; v < 2; v++) {
            x[v] = _mm512_loadu_pd(values + i + 8 * v);
            at[v] = _mm512_setzero_si512();
        }
        for (int64_t step = 8; step > 0; step /= 2)
            for (int v = 0; v < 2; v++) {
                __m512i probe = _mm512_add_epi64(at[v], _mm512_set1_epi64(step - 1));
                __m512d border = _mm512_permutex2var_pd(low, probe, high);
                at[v] = bl_bin_step(at[v], border, x[v], step);
            }
        if (deep) {
            for (int v = 0; v < 2; v++)
                at[v] = _mm512_slli_epi64(at[v], 4);
            for (int64_t step = 8; step > 0; step /= 2)
                for (int v = 0; v < 2; v++) {
                    __m512d border = _mm512_i64gather_pd(at[v], table + step - 1, 8);
                    at[v] = bl_bin_step(at[v], border, x[v], step);
                }
        }
        for (int v = 0; v < 2; v++) {
            __mmask8 is_nan = _mm512_cmp_pd_mask(x[v], x[v], _CMP_UNORD_Q);
            at[v] = _mm512_mask_mov_epi64(at[v], is_nan, missing);
            _mm_storel_epi64((__m128i *)(out + i + 8 * v), _mm512_cvtepi64_epi8(at[v]));
        }
    }
    return i;
}

#else

/* Sixteen searches side by side hide the latency of each. */
static int64_t bl_bin_vectors(const double *values, int64_t n, const double *table,
                              int32_t size, uint8_t *out)
{
    int64_t i = 0;
    for (; i + BL_BIN_LANES <= n; i += BL_BIN_LANES) {
        int64_t at[BL_BIN_LANES] = {0};
        for (int64_t step = size / 2; step > 0; step /= 2)
            for (int v = 0; v < BL_BIN_LANES; v++)
                at[v] += table[at[v] + step - 1] < values[i + v] ? step : 0;
        for (int v = 0; v < BL_BIN_LANES; v++)
            out[i + v] = values[i + v] != values[i + v] ? BL_MISSING : (uint8_t)at[v];
    }
    return i;
}

#endif

static void bl_bin_values(const double *restrict values, int64_t n,
                          const double *restrict borders, int32_t n_borders,
                          uint8_t *restrict out)
{
    double table[BL_BIN_TABLE];
    int32_t size = bl_pad_borders(borders, n_borders, table);
    int64_t i = bl_bin_vectors(values, n, table, size, out);
    for (; i < n; i++)
        out[i] = bl_bin_value(values[i], table, size);
}

#endif
