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

static int64_t bl_partition_by(const uint8_t *column, const int32_t *rows, int64_t n,
                               const uint8_t *goes_left, int32_t *left, int32_t *right)
{
    int64_t n_left = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t row = rows[i];
        int to_left = goes_left[column[row]];
        left[n_left] = row;
        right[i - n_left] = row;
        n_left += to_left;
    }
    return n_left;
}

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>

/* Sixty-four rows at a time: their bins as one vector, which is a load where the rows
 * follow each other, and single loads, faster than gathers, where they do not. */
static inline const uint8_t *bl_load_bins(const uint8_t *column, const int32_t *rows,
                                          uint8_t loaded[64])
{
    if (rows[63] - rows[0] == 63)
        return column + rows[0];
    for (int j = 0; j < 64; j++)
        loaded[j] = column[rows[j]];
    return loaded;
}

static int64_t bl_partition(const uint8_t *column, const int32_t *rows, int64_t n,
                            uint8_t bin, int missing_left, int32_t *left,
                            int32_t *right)
{
    uint8_t loaded[2][64];         /* the next rows' bins load while these are used */
    const uint8_t *next = n < 64 ? NULL : bl_load_bins(column, rows, loaded[0]);
    const __m512i all = _mm512_set1_epi8(-1), last = _mm512_set1_epi8((char)bin);
    const __mmask64 to_left = missing_left ? ~(__mmask64)0 : 0;
    int64_t n_left = 0, n_right = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        const uint8_t *bins = next;
        if (i + 128 <= n)
            next = bl_load_bins(column, rows + i + 64, loaded[(i / 64 + 1) % 2]);
        __m512i value = _mm512_loadu_si512(bins);
        __mmask64 missing = _mm512_cmpeq_epi8_mask(value, all);
        __mmask64 low = _mm512_cmple_epu8_mask(value, last);
        __mmask64 mask = (low & ~missing) | (to_left & missing);
        for (int quarter = 0; quarter < 4; quarter++, mask >>= 16) {
            __m512i row = _mm512_loadu_si512(rows + i + 16 * quarter);
            __mmask16 lefts = (__mmask16)mask;
            int count = __builtin_popcount(lefts);
            _mm512_storeu_si512(left + n_left, _mm512_maskz_compress_epi32(lefts, row));
            _mm512_storeu_si512(right + n_right,
                                _mm512_maskz_compress_epi32((__mmask16)~lefts, row));
            n_left += count;
            n_right += 16 - count;
        }
    }
    return n_left + bl_partition_serial(column, rows + i, n - i, bin, missing_left,
                                        left + n_left, right + n_right);
}
#else
#define bl_partition bl_partition_serial
#endif
