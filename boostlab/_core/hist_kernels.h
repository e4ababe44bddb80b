/* Histograms: one store per (row, feature). See kernels.h for the contracts.
 *
 * Bins come eight at a time in one load. The stride of 264 cells keeps features from
 * colliding modulo 4 KB, which on skewed columns would stall every load.
 */
#include <string.h>

enum { BL_PREFETCH_ROWS = 24 };

/* The words of one row and cell, added as vectors of as many as `width` allows. */
#if defined(__GNUC__)
typedef uint64_t bl_words2 __attribute__((vector_size(16), aligned(8), may_alias));
typedef uint64_t bl_words4 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint64_t bl_words8 __attribute__((vector_size(64), aligned(8), may_alias));

BL_ALWAYS_INLINE void bl_add_words(int64_t *restrict sum, const int64_t *restrict words,
                                   int width)
{
    if (width == 1)
        *sum += *words;
    else if (width == 2)
        *(bl_words2 *)sum += *(const bl_words2 *)words;
    else if (width == 4)
        *(bl_words4 *)sum += *(const bl_words4 *)words;
    else
        for (int j = 0; j < width; j += 8)
            *(bl_words8 *)(sum + j) += *(const bl_words8 *)(words + j);
}
#else
static inline void bl_add_words(int64_t *sum, const int64_t *words, int width)
{
    for (int j = 0; j < width; j++)
        sum[j] = (int64_t)((uint64_t)sum[j] + (uint64_t)words[j]);
}
#endif

BL_ALWAYS_INLINE void bl_add_row(const uint8_t *bins, int count, const int64_t *words,
                                 int width, int64_t *restrict sums)
{
    uint64_t packed;
    memcpy(&packed, bins, 8);
    for (int j = 0; j < count; j++)
        bl_add_words(sums + (j * BL_STRIDE + (int64_t)((packed >> (8 * j)) & 255)) * width,
                     words, width);
}

/* `full` groups of eight features and `rest` more; all but n known at compile time. */
BL_ALWAYS_INLINE void bl_histogram_of(const uint8_t *tile, const int32_t *rows,
                                      int64_t n, const int64_t *words, int width,
                                      int full, int rest, int64_t *restrict sums)
{
    for (int64_t i = 0; i < n; i++, words += width) {
        const uint8_t *bins = tile + (int64_t)(rows ? rows[i] : i) * BL_TILE;
        if (rows && i + BL_PREFETCH_ROWS < n)
            BL_PREFETCH(tile + (int64_t)rows[i + BL_PREFETCH_ROWS] * BL_TILE);
        for (int g = 0; g < full; g++)
            bl_add_row(bins + 8 * g, 8, words, width,
                       sums + (int64_t)8 * g * BL_STRIDE * width);
        if (rest)
            bl_add_row(bins + 8 * full, rest, words, width,
                       sums + (int64_t)8 * full * BL_STRIDE * width);
    }
}

/* One specialisation a feature count, with and without a row list. */
#define BL_HIST_CASE(width, count)                                                     \
    case count:                                                                       \
        if (rows)                                                                     \
            bl_histogram_of(tile, rows, n, words, width, (count) / 8, (count) % 8,    \
                            sums);                                                    \
        else                                                                          \
            bl_histogram_of(tile, NULL, n, words, width, (count) / 8, (count) % 8,    \
                            sums);                                                    \
        break;
#define BL_HIST_CASES(width)                                                           \
    BL_HIST_CASE(width, 1)                                                            \
    BL_HIST_CASE(width, 2)                                                            \
    BL_HIST_CASE(width, 3)                                                            \
    BL_HIST_CASE(width, 4)                                                            \
    BL_HIST_CASE(width, 5)                                                            \
    BL_HIST_CASE(width, 6)                                                            \
    BL_HIST_CASE(width, 7)                                                            \
    BL_HIST_CASE(width, 8)                                                            \
    BL_HIST_CASE(width, 9)                                                            \
    BL_HIST_CASE(width, 10)                                                           \
    BL_HIST_CASE(width, 11)                                                           \
    BL_HIST_CASE(width, 12)                                                           \
    BL_HIST_CASE(width, 13)                                                           \
    BL_HIST_CASE(width, 14)                                                           \
    BL_HIST_CASE(width, 15)                                                           \
    BL_HIST_CASE(width, 16)

static void bl_histogram1(const uint8_t *tile, const int32_t *rows, int64_t n,
                          const int64_t *words, int32_t n_features, int64_t *sums)
{
    switch (n_features) {
        BL_HIST_CASES(1)
    }
}

static void bl_histogram2(const uint8_t *tile, const int32_t *rows, int64_t n,
                          const int64_t *words, int32_t n_features, int64_t *sums)
{
    switch (n_features) {
        BL_HIST_CASES(2)
    }
}

/* Many words a cell: the store dominates, and a loop over features costs nothing. */
BL_ALWAYS_INLINE void bl_histogram_many(const uint8_t *tile, const int32_t *rows,
                                        int64_t n, const int64_t *words, int width,
                                        int32_t n_features, int64_t *restrict sums)
{
    for (int64_t i = 0; i < n; i++, words += width) {
        const uint8_t *bins = tile + (int64_t)(rows ? rows[i] : i) * BL_TILE;
        if (rows && i + BL_PREFETCH_ROWS < n)
            BL_PREFETCH(tile + (int64_t)rows[i + BL_PREFETCH_ROWS] * BL_TILE);
        for (int32_t j = 0; j < n_features; j++)
            bl_add_words(sums + ((int64_t)j * BL_STRIDE + bins[j]) * width, words, width);
    }
}

static void bl_histogram(const uint8_t *tile, const int32_t *rows, int64_t n,
                         const int64_t *words, int width, int32_t n_features,
                         int64_t *sums)
{
    switch (width) {
    case 1: bl_histogram1(tile, rows, n, words, n_features, sums); break;
    case 2: bl_histogram2(tile, rows, n, words, n_features, sums); break;
    case 4: bl_histogram_many(tile, rows, n, words, 4, n_features, sums); break;
    case 8: bl_histogram_many(tile, rows, n, words, 8, n_features, sums); break;
    case 16: bl_histogram_many(tile, rows, n, words, 16, n_features, sums); break;
    default: bl_histogram_many(tile, rows, n, words, 32, n_features, sums); break;
    }
}

BL_ALWAYS_INLINE void bl_flush_of(int64_t *restrict sums, int64_t n,
                                  const bl_format *format, int add, int lanes,
                                  int64_t *restrict cells)
{
    for (int64_t i = 0; i < n; i += lanes)
        for (int k = 0; k < lanes; k++) {
            bl_cell cell = bl_widen(sums[i + k], format);
            int64_t *g = cells + 2 * i + k, *hw = cells + 2 * i + lanes + k;
            *g = add ? *g + cell.g : cell.g;
            *hw = (int64_t)(add ? (uint64_t)*hw + cell.hw : cell.hw);
        }
    memset(sums, 0, (size_t)n * sizeof *sums);
}

static void bl_flush(int64_t *sums, int64_t n, const bl_format *format, int add,
                     int64_t *cells)
{
    if (format->lanes == 1 && add)      /* the hot cases */
        bl_flush_of(sums, n, format, 1, 1, cells);
    else if (format->lanes == 1)
        bl_flush_of(sums, n, format, 0, 1, cells);
    else if (format->lanes == 8)
        bl_flush_of(sums, n, format, add, 8, cells);
    else
        bl_flush_of(sums, n, format, add, format->lanes, cells);
}
