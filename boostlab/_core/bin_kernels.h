/* Binning of values, compiled once per CPU tier.
 *
 * The bin of x is the number of borders below x. A search begins where a table of slots
 * says: the slot of x is a cheap function of x that never descends, so every border in
 * a lower slot is below x, none in a higher slot is, and only those in its own slot are
 * compared, which are one or two as a rule. No branch depends on x; NaN is sent to
 * BL_MISSING at the end. Comparisons are exact, and so the slots change the speed and
 * nothing else.
 */
#ifndef BOOSTLAB_BIN_KERNELS_H
#define BOOSTLAB_BIN_KERNELS_H

#include "bin_search.h"

#ifdef __AVX2__
#include <immintrin.h>
#endif

/* Bins of values with given slots; `steps` is a constant where this is inlined. */
static inline void bl_bin_steps(const double *restrict values, int64_t n,
                                const bl_bin_search *restrict search,
                                const int32_t *restrict slots, int steps,
                                uint8_t *restrict out)
{
    const double *restrict borders = search->borders;
    for (int64_t i = 0; i < n; i++) {
        double x = values[i];
        uint32_t at = search->starts[slots[i]];
        for (int step = steps - 1; step >= 0; step--) {
            uint32_t half = 1u << step;
            at += (uint32_t)(borders[at + half - 1] < x) << step;
        }
        out[i] = (uint8_t)(at | (x != x ? BL_MISSING : 0));
    }
}

/* Bins of at most BL_BIN_STRIP values. */
static void bl_bin_values(const double *restrict values, int64_t n,
                          const bl_bin_search *restrict search, uint8_t *restrict out)
{
    int32_t slots[BL_BIN_STRIP];
    if (search->form == BL_SLOTS_LINEAR)
        for (int64_t i = 0; i < n; i++)
            slots[i] = bl_linear_slot(search, values[i]);
    else if (search->form == BL_SLOTS_FLOAT)
        for (int64_t i = 0; i < n; i++)
            slots[i] = bl_float_slot(search, values[i]);
    else
        memset(slots, 0, (size_t)n * sizeof *slots);

    switch (search->steps) {
    case 0: bl_bin_steps(values, n, search, slots, 0, out); break;
    case 1: bl_bin_steps(values, n, search, slots, 1, out); break;
    case 2: bl_bin_steps(values, n, search, slots, 2, out); break;
    case 3: bl_bin_steps(values, n, search, slots, 3, out); break;
    case 4: bl_bin_steps(values, n, search, slots, 4, out); break;
    case 5: bl_bin_steps(values, n, search, slots, 5, out); break;
    case 6: bl_bin_steps(values, n, search, slots, 6, out); break;
    case 7: bl_bin_steps(values, n, search, slots, 7, out); break;
    default: bl_bin_steps(values, n, search, slots, 8, out); break;
    }
}

#ifdef __AVX2__

/* Transpose 16 x 16 bytes: four rounds of interleaving vector i with vector i + 8. */
static inline void bl_transpose_16(__m128i v[BL_TILE])
{
    for (int round = 0; round < 4; round++) {
        __m128i w[BL_TILE];
        for (int i = 0; i < 8; i++) {
            w[2 * i] = _mm_unpacklo_epi8(v[i], v[i + 8]);
            w[2 * i + 1] = _mm_unpackhi_epi8(v[i], v[i + 8]);
        }
        memcpy(v, w, sizeof w);
    }
}

static int64_t bl_interleave_vectors(const uint8_t *columns, int64_t stride,
                                     int32_t n_features, int64_t n, uint8_t *rows)
{
    int64_t i = 0;
    for (; i + BL_TILE <= n; i += BL_TILE) {
        __m128i v[BL_TILE];
        for (int j = 0; j < BL_TILE; j++)
            v[j] = j < n_features
                ? _mm_loadu_si128((const __m128i *)(columns + j * stride + i))
                : _mm_setzero_si128();
        bl_transpose_16(v);
        for (int j = 0; j < BL_TILE; j++)
            _mm_storeu_si128((__m128i *)(rows + (i + j) * BL_TILE), v[j]);
    }
    return i;
}

#else

static int64_t bl_interleave_vectors(const uint8_t *columns, int64_t stride,
                                     int32_t n_features, int64_t n, uint8_t *rows)
{
    (void)columns;
    (void)stride;
    (void)n_features;
    (void)n;
    (void)rows;
    return 0;
}

#endif

/* rows[i * BL_TILE + j] = columns[j * stride + i], and 0 for j >= n_features. */
static void bl_interleave(const uint8_t *restrict columns, int64_t stride,
                          int32_t n_features, int64_t n, uint8_t *restrict rows)
{
    int64_t i = bl_interleave_vectors(columns, stride, n_features, n, rows);
    for (; i < n; i++)
        for (int j = 0; j < BL_TILE; j++)
            rows[i * BL_TILE + j] = j < n_features ? columns[j * stride + i] : 0;
}

#endif
