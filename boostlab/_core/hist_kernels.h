/* Histograms: one store per (row, feature). See kernels.h for the contracts.
 *
 * Bins come eight at a time in one load. The stride of 264 cells keeps features from
 * colliding modulo 4 KB, which on skewed columns would stall every load.
 */
#include <string.h>

#if defined(__GNUC__)
#define BL_ALWAYS_INLINE static inline __attribute__((always_inline))
#define BL_PREFETCH(address) __builtin_prefetch(address)
#else
#define BL_ALWAYS_INLINE static inline
#define BL_PREFETCH(address) ((void)(address))
#endif

enum { BL_PREFETCH_ROWS = 24 };

BL_ALWAYS_INLINE void bl_add_narrow(const uint8_t *bins, int count, int64_t word,
                                    int64_t *restrict sums)
{
    uint64_t packed;
    memcpy(&packed, bins, 8);
    for (int j = 0; j < count; j++)
        sums[j * BL_STRIDE + ((packed >> (8 * j)) & 255)] += word;
}

/* The two words of a cell are loaded, added and stored as one vector. */
#if defined(__GNUC__)
typedef uint64_t bl_pair __attribute__((vector_size(16), may_alias));

BL_ALWAYS_INLINE bl_pair bl_load_pair(const int64_t *words)
{
    bl_pair pair;
    memcpy(&pair, words, sizeof pair);
    return pair;
}

BL_ALWAYS_INLINE void bl_add_pair(bl_cell *cell, bl_pair pair)
{
    *(bl_pair *)cell += pair;
}
#else
typedef bl_cell bl_pair;

static inline bl_pair bl_load_pair(const int64_t *words)
{
    return (bl_pair){words[0], (uint64_t)words[1]};
}

static inline void bl_add_pair(bl_cell *cell, bl_pair pair)
{
    cell->g += pair.g;
    cell->hw += pair.hw;
}
#endif

BL_ALWAYS_INLINE void bl_add_wide(const uint8_t *bins, int count, bl_pair pair,
                                  bl_cell *restrict cells)
{
    uint64_t packed;
    memcpy(&packed, bins, 8);
    for (int j = 0; j < count; j++)
        bl_add_pair(cells + j * BL_STRIDE + ((packed >> (8 * j)) & 255), pair);
}

/* `full` groups of eight features and `rest` more, both known at compile time. */
BL_ALWAYS_INLINE void bl_hist_narrow_of(const uint8_t *tile, const int32_t *rows,
                                        int64_t n, const int64_t *words, int full,
                                        int rest, int64_t *restrict sums)
{
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *bins = tile + (int64_t)(rows ? rows[i] : i) * BL_TILE;
        if (rows && i + BL_PREFETCH_ROWS < n)
            BL_PREFETCH(tile + (int64_t)rows[i + BL_PREFETCH_ROWS] * BL_TILE);
        for (int g = 0; g < full; g++)
            bl_add_narrow(bins + 8 * g, 8, words[i], sums + 8 * g * BL_STRIDE);
        if (rest)
            bl_add_narrow(bins + 8 * full, rest, words[i],
                          sums + 8 * full * BL_STRIDE);
    }
}

BL_ALWAYS_INLINE void bl_hist_wide_of(const uint8_t *tile, const int32_t *rows,
                                      int64_t n, const int64_t *words, int full,
                                      int rest, bl_cell *restrict cells)
{
    for (int64_t i = 0; i < n; i++) {
        const uint8_t *bins = tile + (int64_t)(rows ? rows[i] : i) * BL_TILE;
        bl_pair pair = bl_load_pair(words + 2 * i);
        if (rows && i + BL_PREFETCH_ROWS < n)
            BL_PREFETCH(tile + (int64_t)rows[i + BL_PREFETCH_ROWS] * BL_TILE);
        for (int k = 0; k < full; k++)
            bl_add_wide(bins + 8 * k, 8, pair, cells + 8 * k * BL_STRIDE);
        if (rest)
            bl_add_wide(bins + 8 * full, rest, pair, cells + 8 * full * BL_STRIDE);
    }
}

/* One specialisation a feature count, with and without a row list. */
#define BL_HIST_CASE(kernel, count)                                                   \
    case count:                                                                       \
        if (rows)                                                                     \
            kernel(tile, rows, n, words, (count) / 8, (count) % 8, out);              \
        else                                                                          \
            kernel(tile, NULL, n, words, (count) / 8, (count) % 8, out);              \
        break;
#define BL_HIST_CASES(kernel)                                                         \
    BL_HIST_CASE(kernel, 1)                                                           \
    BL_HIST_CASE(kernel, 2)                                                           \
    BL_HIST_CASE(kernel, 3)                                                           \
    BL_HIST_CASE(kernel, 4)                                                           \
    BL_HIST_CASE(kernel, 5)                                                           \
    BL_HIST_CASE(kernel, 6)                                                           \
    BL_HIST_CASE(kernel, 7)                                                           \
    BL_HIST_CASE(kernel, 8)                                                           \
    BL_HIST_CASE(kernel, 9)                                                           \
    BL_HIST_CASE(kernel, 10)                                                          \
    BL_HIST_CASE(kernel, 11)                                                          \
    BL_HIST_CASE(kernel, 12)                                                          \
    BL_HIST_CASE(kernel, 13)                                                          \
    BL_HIST_CASE(kernel, 14)                                                          \
    BL_HIST_CASE(kernel, 15)                                                          \
    BL_HIST_CASE(kernel, 16)

static void bl_hist_narrow(const uint8_t *tile, const int32_t *rows, int64_t n,
                           const int64_t *words, int32_t n_features, int64_t *out)
{
    switch (n_features) {
        BL_HIST_CASES(bl_hist_narrow_of)
    }
}

static void bl_hist_wide(const uint8_t *tile, const int32_t *rows, int64_t n,
                         const int64_t *words, int32_t n_features, bl_cell *out)
{
    switch (n_features) {
        BL_HIST_CASES(bl_hist_wide_of)
    }
}

static void bl_flush(int64_t *sums, int32_t n_bins, const bl_format *format, int add,
                     bl_cell *cells)
{
    bl_cell missing = bl_widen(sums[BL_MISSING], format);
    if (add) {
        for (int32_t b = 0; b < n_bins; b++) {
            bl_cell cell = bl_widen(sums[b], format);
            cells[b].g += cell.g;
            cells[b].hw += cell.hw;
        }
        missing.g += cells[BL_MISSING].g;
        missing.hw += cells[BL_MISSING].hw;
    } else {
        for (int32_t b = 0; b < n_bins; b++)
            cells[b] = bl_widen(sums[b], format);
    }
    cells[BL_MISSING] = missing;
    memset(sums, 0, (size_t)n_bins * sizeof *sums);
    sums[BL_MISSING] = 0;
}
