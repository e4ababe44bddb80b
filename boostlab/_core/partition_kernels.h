/* Stable partition of ascending rows by the bin of one feature. */

/* Branch-free: both sides are written, one of the counters moves. The write to `right`
 * never passes the read, so neither buffer needs more than n entries. */
static int64_t bl_partition_serial(const uint8_t *column, const int32_t *rows,
                                   int64_t n, uint8_t bin, int missing_left,
                                   int32_t *left, int32_t *right)
{
    int64_t n_left = 0, n_right = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t row = rows[i];
        uint8_t value = column[row];
        int goes_left = value == BL_MISSING ? missing_left : value <= bin;
        left[n_left] = row;
        right[n_right] = row;
        n_left += goes_left;
        n_right += !goes_left;
    }
    return n_left;
}

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

/* Sixteen rows at a time. A gather reads four bytes at column + row; because rows
 * ascend, those stay inside the column for all but the last three rows. */
static int64_t bl_partition(const uint8_t *column, const int32_t *rows, int64_t n,
                            uint8_t bin, int missing_left, int32_t *left,
                            int32_t *right)
{
    const __m512i low_byte = _mm512_set1_epi32(255), last = _mm512_set1_epi32(bin);
    const __mmask16 to_left = missing_left ? 0xFFFF : 0;
    int64_t n_left = 0, n_right = 0, i = 0;
    for (; i + 16 <= n - 3; i += 16) {
        __m512i row = _mm512_loadu_si512(rows + i);
        __m512i value = _mm512_and_si512(_mm512_i32gather_epi32(row, column, 1),
                                         low_byte);
        __mmask16 missing = _mm512_cmpeq_epi32_mask(value, low_byte);
        __mmask16 low = _mm512_cmple_epu32_mask(value, last);
        __mmask16 mask = (__mmask16)((low & ~missing) | (to_left & missing));
        __mmask16 others = (__mmask16)~mask;
        int count = __builtin_popcount(mask);
        _mm512_storeu_si512(left + n_left, _mm512_maskz_compress_epi32(mask, row));
        _mm512_storeu_si512(right + n_right,
                            _mm512_maskz_compress_epi32(others, row));
        n_left += count;
        n_right += 16 - count;
    }
    return n_left + bl_partition_serial(column, rows + i, n - i, bin, missing_left,
                                        left + n_left, right + n_right);
}
#else
#define bl_partition bl_partition_serial
#endif
