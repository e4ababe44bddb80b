/* Stable partition of ascending rows by the bin, or the code, of one feature. */

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

/* By a table of codes; row r's code is at codes[r * stride]. */
static int64_t bl_partition_by_serial(const uint8_t *codes, int64_t stride,
                                      const int32_t *rows, int64_t n,
                                      const uint8_t *goes_left, int32_t *left,
                                      int32_t *right)
{
    int64_t n_left = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t row = rows[i];
        int to_left = goes_left[codes[row * stride]];
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

/* Write sixty-four rows to their sides; returns how many go left. */
static inline int bl_compress(const int32_t *rows, __mmask64 to_left, int32_t *left,
                              int32_t *right)
{
    int n_left = 0;
    for (int at = 0; at < 64; at += 16, to_left >>= 16) {
        __m512i row = _mm512_loadu_si512(rows + at);
        __mmask16 lefts = (__mmask16)to_left;
        _mm512_storeu_si512(left + n_left, _mm512_maskz_compress_epi32(lefts, row));
        _mm512_storeu_si512(right + at - n_left,
                            _mm512_maskz_compress_epi32((__mmask16)~lefts, row));
        n_left += __builtin_popcount(lefts);
    }
    return n_left;
}

static int64_t bl_partition(const uint8_t *column, const int32_t *rows, int64_t n,
                            uint8_t bin, int missing_left, int32_t *left,
                            int32_t *right)
{
    uint8_t loaded[2][64];         /* the next rows' bins load while these are used */
    const uint8_t *next = n < 64 ? NULL : bl_load_bins(column, rows, loaded[0]);
    const __m512i all = _mm512_set1_epi8(-1), last = _mm512_set1_epi8((char)bin);
    const __mmask64 to_left = missing_left ? ~(__mmask64)0 : 0;
    int64_t n_left = 0, i = 0;
    for (; i + 64 <= n; i += 64) {
        const uint8_t *bins = next;
        if (i + 128 <= n)
            next = bl_load_bins(column, rows + i + 64, loaded[(i / 64 + 1) % 2]);
        __m512i value = _mm512_loadu_si512(bins);
        __mmask64 missing = _mm512_cmpeq_epi8_mask(value, all);
        __mmask64 low = _mm512_cmple_epu8_mask(value, last);
        __mmask64 mask = (low & ~missing) | (to_left & missing);
        n_left += bl_compress(rows + i, mask, left + n_left, right + i - n_left);
    }
    return n_left + bl_partition_serial(column, rows + i, n - i, bin, missing_left,
                                        left + n_left, right + i - n_left);
}

static inline void bl_load_sides(const uint8_t *codes, int64_t stride, const int32_t *rows,
                                 const uint8_t *goes_left, uint8_t sides[64])
{
    for (int j = 0; j < 64; j++)
        sides[j] = goes_left[codes[rows[j] * stride]];
}

static int64_t bl_partition_by(const uint8_t *codes, int64_t stride, const int32_t *rows,
                               int64_t n, const uint8_t *goes_left, int32_t *left,
                               int32_t *right)
{
    uint8_t sides[2][64];          /* likewise of the next rows */
    int64_t n_left = 0, i = 0;
    if (n >= 64)
        bl_load_sides(codes, stride, rows, goes_left, sides[0]);
    for (; i + 64 <= n; i += 64) {
        const uint8_t *now = sides[i / 64 % 2];
        if (i + 128 <= n)
            bl_load_sides(codes, stride, rows + i + 64, goes_left,
                          sides[(i / 64 + 1) % 2]);
        __m512i side = _mm512_loadu_si512(now);
        __mmask64 mask = _mm512_test_epi8_mask(side, side);
        n_left += bl_compress(rows + i, mask, left + n_left, right + i - n_left);
    }
    return n_left + bl_partition_by_serial(codes, stride, rows + i, n - i, goes_left,
                                           left + n_left, right + i - n_left);
}
#else
#define bl_partition bl_partition_serial
#define bl_partition_by bl_partition_by_serial
#endif
