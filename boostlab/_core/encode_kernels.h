/* Codes of raw values for prediction: searches in the thresholds of one group.
 *
 * The search tree is laid out by levels, entry i above 2i and 2i + 1, so that its first
 * entries fill vector registers: a level is then a permutation, not a gather.
 */
#ifndef BOOSTLAB_ENCODE_KERNELS_H
#define BOOSTLAB_ENCODE_KERNELS_H

#include "layout.h"

#if defined(__AVX512F__) && defined(__AVX512BW__)
#include <immintrin.h>

static inline __m512i bl_descend32(__m512i at, __m512 border, __m512 x)
{
    __m512i down = _mm512_add_epi32(at, at);
    return _mm512_mask_add_epi32(down, _mm512_cmp_ps_mask(border, x, _CMP_LT_OQ), down,
                                 _mm512_set1_epi32(1));
}

/* Entry `at` of 32 or 64 entries, by the low bits of `at`. */
static inline __m512 bl_entry32(const __m512 *table, __m512i at, int deep)
{
    __m512 found = _mm512_permutex2var_ps(table[0], at, table[1]);
    if (!deep)
        return found;
    __mmask16 upper = _mm512_test_epi32_mask(at, _mm512_set1_epi32(32));
    return _mm512_mask_blend_ps(upper, found,
                                _mm512_permutex2var_ps(table[2], at, table[3]));
}

static inline __m512i bl_search32(const __m512 *table, int levels, __m512 x)
{
    __m512i at = _mm512_set1_epi32(1);
    for (int level = 0; level < levels && level < 4; level++)
        at = bl_descend32(at, _mm512_permutexvar_ps(at, table[0]), x);
    if (levels > 4)
        at = bl_descend32(at, _mm512_permutexvar_ps(at, table[1]), x);
    if (levels > 5)
        at = bl_descend32(at, bl_entry32(table + 2, at, 0), x);
    if (levels > 6)
        at = bl_descend32(at, bl_entry32(table + 4, at, 1), x);
    if (levels > 7) {
        __mmask16 upper = _mm512_test_epi32_mask(at, _mm512_set1_epi32(64));
        __m512 border = _mm512_mask_blend_ps(upper, bl_entry32(table + 8, at, 1),
                                             bl_entry32(table + 12, at, 1));
        at = bl_descend32(at, border, x);
    }
    return _mm512_sub_epi32(at, _mm512_set1_epi32(1 << levels));
}

static void bl_encode32(const float *values, int64_t n, const float *heap,
                        int32_t levels, uint8_t *codes)
{
    __m512 table[16];
    for (int v = 0; v < 16; v++)
        table[v] = _mm512_loadu_ps(heap + 16 * v);
    for (int64_t i = 0; i < n; i += 16) {
        __m512 x = _mm512_loadu_ps(values + i);
        __mmask16 missing = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        __m512i code = _mm512_mask_mov_epi32(bl_search32(table, levels, x), missing,
                                             _mm512_set1_epi32(BL_MISSING));
        _mm_storeu_si128((__m128i *)(codes + i), _mm512_cvtepi32_epi8(code));
    }
}

static inline __m512i bl_descend64(__m512i at, __m512d border, __m512d x)
{
    __m512i down = _mm512_add_epi64(at, at);
    return _mm512_mask_add_epi64(down, _mm512_cmp_pd_mask(border, x, _CMP_LT_OQ), down,
                                 _mm512_set1_epi64(1));
}

/* Entry `at` of 16 * 2^doublings entries, by the low bits of `at`. */
static inline __m512d bl_entry64(const __m512d *table, __m512i at, int doublings)
{
    if (doublings == 0)
        return _mm512_permutex2var_pd(table[0], at, table[1]);
    __m512i bit = _mm512_set1_epi64((long long)8 << doublings);
    return _mm512_mask_blend_pd(
        _mm512_test_epi64_mask(at, bit), bl_entry64(table, at, doublings - 1),
        bl_entry64(table + (1 << doublings), at, doublings - 1));
}

static inline __m512i bl_search64(const __m512d *table, int levels, __m512d x)
{
    __m512i at = _mm512_set1_epi64(1);
    for (int level = 0; level < levels && level < 3; level++)
        at = bl_descend64(at, _mm512_permutexvar_pd(at, table[0]), x);
    if (levels > 3)
        at = bl_descend64(at, _mm512_permutexvar_pd(at, table[1]), x);
    if (levels > 4)
        at = bl_descend64(at, bl_entry64(table + 2, at, 0), x);
    if (levels > 5)
        at = bl_descend64(at, bl_entry64(table + 4, at, 1), x);
    if (levels > 6)
        at = bl_descend64(at, bl_entry64(table + 8, at, 2), x);
    if (levels > 7)
        at = bl_descend64(at, bl_entry64(table + 16, at, 3), x);
    return _mm512_sub_epi64(at, _mm512_set1_epi64((long long)1 << levels));
}

static void bl_encode64(const double *values, int64_t n, const double *heap,
                        int32_t levels, uint8_t *codes)
{
    __m512d table[32];
    for (int v = 0; v < 32; v++)
        table[v] = _mm512_loadu_pd(heap + 8 * v);
    for (int64_t i = 0; i < n; i += 8) {
        __m512d x = _mm512_loadu_pd(values + i);
        __mmask8 missing = _mm512_cmp_pd_mask(x, x, _CMP_UNORD_Q);
        __m512i code = _mm512_mask_mov_epi64(bl_search64(table, levels, x), missing,
                                             _mm512_set1_epi64(BL_MISSING));
        _mm_storel_epi64((__m128i *)(codes + i), _mm512_cvtepi64_epi8(code));
    }
}

#else

/* Sixteen searches side by side hide the latency of each. */
enum { BL_SEARCHES = 16 };

static void bl_encode32(const float *restrict values, int64_t n,
                        const float *restrict heap, int32_t levels,
                        uint8_t *restrict codes)
{
    for (int64_t i = 0; i < n; i += BL_SEARCHES) {
        int32_t at[BL_SEARCHES];
        for (int v = 0; v < BL_SEARCHES; v++)
            at[v] = 1;
        for (int32_t level = 0; level < levels; level++)
            for (int v = 0; v < BL_SEARCHES; v++)
                at[v] = 2 * at[v] + (heap[at[v]] < values[i + v]);
        for (int v = 0; v < BL_SEARCHES; v++)
            codes[i + v] = values[i + v] != values[i + v]
                ? BL_MISSING : (uint8_t)(at[v] - (1 << levels));
    }
}

static void bl_encode64(const double *restrict values, int64_t n,
                        const double *restrict heap, int32_t levels,
                        uint8_t *restrict codes)
{
    for (int64_t i = 0; i < n; i += BL_SEARCHES) {
        int32_t at[BL_SEARCHES];
        for (int v = 0; v < BL_SEARCHES; v++)
            at[v] = 1;
        for (int32_t level = 0; level < levels; level++)
            for (int v = 0; v < BL_SEARCHES; v++)
                at[v] = 2 * at[v] + (heap[at[v]] < values[i + v]);
        for (int v = 0; v < BL_SEARCHES; v++)
            codes[i + v] = values[i + v] != values[i + v]
                ? BL_MISSING : (uint8_t)(at[v] - (1 << levels));
    }
}

#endif

#endif
