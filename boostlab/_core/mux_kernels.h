/* Deciding the nodes of a tree for BL_LANES rows; see layout.h. */
#ifndef BOOSTLAB_MUX_KERNELS_H
#define BOOSTLAB_MUX_KERNELS_H

#include <string.h>

#include "layout.h"

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include <immintrin.h>

/* Rows that go left at a split by a set: its bytes are looked up by a shuffle. */
static inline __mmask64 bl_decide_set(const bl_choice *choice, const uint64_t *subsets,
                                      const uint8_t *codes)
{
    const char *set = (const char *)(subsets + 4 * (int64_t)choice->split);
    __m512i low = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)set));
    __m512i high = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)set + 1));
    __m512i byte = _mm512_loadu_si512(codes), bit = _mm512_loadu_si512(codes + BL_STRIP);
    __mmask64 upper = _mm512_test_epi8_mask(byte, _mm512_set1_epi8(16));
    __m512i found = _mm512_mask_blend_epi8(upper, _mm512_shuffle_epi8(low, byte),
                                           _mm512_shuffle_epi8(high, byte));
    __mmask64 left = _mm512_test_epi8_mask(found, bit);
    if (choice->kind == BL_SET_MISSING_LEFT) {
        __m512i missing = _mm512_loadu_si512(codes + 2 * BL_STRIP);
        left |= _mm512_test_epi8_mask(missing, missing);
    }
    return left;
}

static void bl_decide(const bl_choice *choices, int32_t n, const uint64_t *subsets,
                      const uint8_t *codes, uint8_t *slots)
{
    for (int32_t i = n - 1; i >= 0; i--) {
        const bl_choice *choice = choices + i;
        const uint8_t *column = codes + (int64_t)choice->column * BL_STRIP;
        __mmask64 left = choice->kind == BL_NUMERIC
            ? _mm512_cmple_epu8_mask(_mm512_loadu_si512(column),
                                     _mm512_set1_epi8((char)choice->split))
            : bl_decide_set(choice, subsets, column);
        __m512i selected = _mm512_mask_blend_epi8(
            left, _mm512_loadu_si512(slots + choice->right * BL_LANES),
            _mm512_loadu_si512(slots + choice->left * BL_LANES));
        _mm512_storeu_si512(slots + (BL_EXITS + i) * BL_LANES, selected);
    }
}

/* The values of eight rows, from a table of 16 * `tables` held in registers. */
static inline __m512d bl_look_up(const __m512d *table, int tables, __m512i id)
{
    __m512d found = _mm512_permutex2var_pd(table[0], id, table[1]);
    __mmask8 upper = _mm512_test_epi64_mask(id, _mm512_set1_epi64(16));
    if (tables > 1)
        found = _mm512_mask_blend_pd(upper, found,
                                     _mm512_permutex2var_pd(table[2], id, table[3]));
    if (tables > 2) {
        __m512d next = _mm512_permutex2var_pd(table[4], id, table[5]);
        if (tables > 3)
            next = _mm512_mask_blend_pd(upper, next,
                                        _mm512_permutex2var_pd(table[6], id, table[7]));
        found = _mm512_mask_blend_pd(
            _mm512_test_epi64_mask(id, _mm512_set1_epi64(32)), found, next);
    }
    return found;
}

static inline void bl_add_tables(const uint8_t *ids, const double *values, int tables,
                                 int64_t n, double *raw)
{
    __m512d table[8];
    for (int v = 0; v < 2 * tables; v++)
        table[v] = _mm512_loadu_pd(values + 8 * v);
    for (int64_t i = 0; i < n; i += 8) {
        __mmask8 rows = n - i < 8 ? (__mmask8)((1 << (n - i)) - 1) : 0xFF;
        __m512i id = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(ids + i)));
        __m512d sum = _mm512_add_pd(_mm512_maskz_loadu_pd(rows, raw + i),
                                    bl_look_up(table, tables, id));
        _mm512_mask_storeu_pd(raw + i, rows, sum);
    }
}

static void bl_add_exits(const uint8_t *ids, const double *values, int32_t n_exits,
                         int64_t n, double *raw)
{
    switch ((n_exits + 15) / 16) {
    case 1: bl_add_tables(ids, values, 1, n, raw); break;
    case 2: bl_add_tables(ids, values, 2, n, raw); break;
    case 3: bl_add_tables(ids, values, 3, n, raw); break;
    case 4: bl_add_tables(ids, values, 4, n, raw); break;
    default:
        for (int64_t i = 0; i < n; i++)
            raw[i] += values[ids[i]];
    }
}

#else

static inline void bl_decide_set(const bl_choice *choice, const uint64_t *subsets,
                                 const uint8_t *codes, uint8_t *restrict left)
{
    const uint64_t *set = subsets + 4 * (int64_t)choice->split;
    const uint8_t *bit = codes + BL_STRIP, *missing = codes + 2 * BL_STRIP;
    uint8_t bytes[BL_SUBSET_BYTES], mask = choice->kind == BL_SET_MISSING_LEFT ? 255 : 0;
    for (int b = 0; b < BL_SUBSET_BYTES; b++)
        bytes[b] = (uint8_t)(set[b / 8] >> 8 * (b % 8));
    for (int i = 0; i < BL_LANES; i++)
        left[i] = (bytes[codes[i]] & bit[i]) | (missing[i] & mask);
}

static inline void bl_select(const uint8_t *restrict left, const uint8_t *restrict right,
                             const uint8_t *restrict goes_left, uint8_t *restrict out)
{
    for (int i = 0; i < BL_LANES; i++) {
        uint8_t mask = goes_left[i] ? 255 : 0;
        out[i] = (uint8_t)((left[i] & mask) | (right[i] & ~mask));
    }
}

static inline void bl_compare(const uint8_t *restrict codes, uint8_t split,
                              const uint8_t *restrict left,
                              const uint8_t *restrict right, uint8_t *restrict out)
{
    for (int i = 0; i < BL_LANES; i++) {
        uint8_t mask = codes[i] <= split ? 255 : 0;
        out[i] = (uint8_t)((left[i] & mask) | (right[i] & ~mask));
    }
}

static void bl_decide(const bl_choice *choices, int32_t n, const uint64_t *subsets,
                      const uint8_t *codes, uint8_t *slots)
{
    for (int32_t i = n - 1; i >= 0; i--) {
        const bl_choice *choice = choices + i;
        const uint8_t *column = codes + (int64_t)choice->column * BL_STRIP;
        const uint8_t *left = slots + choice->left * BL_LANES;
        const uint8_t *right = slots + choice->right * BL_LANES;
        uint8_t *out = slots + (BL_EXITS + i) * BL_LANES;
        if (choice->kind == BL_NUMERIC) {
            bl_compare(column, (uint8_t)choice->split, left, right, out);
        } else {
            uint8_t goes_left[BL_LANES];
            bl_decide_set(choice, subsets, column, goes_left);
            bl_select(left, right, goes_left, out);
        }
    }
}

static void bl_add_exits(const uint8_t *ids, const double *values, int32_t n_exits,
                         int64_t n, double *raw)
{
    (void)n_exits;
    for (int64_t i = 0; i < n; i++)
        raw[i] += values[ids[i]];
}

#endif

#endif
