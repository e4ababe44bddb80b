/* From raw values to bins. Raw values may be float32 or float64 at any strides, aligned
 * or not. */
#include <string.h>

#include "bin_search.h"
#include "load.h"

/* A task is TASK_ROWS rows of one tile of features, done in strips: the values of a
 * strip stay in the first-level cache while its features are read, binned and written
 * one after another. Slots are worth their making from SLOT_ROWS rows on. */
enum { TASK_ROWS = 16384, SLOT_ROWS = 2048 };

typedef struct {
    const bl_matrix *x;
    const double *borders;
    const int64_t *offsets;
    uint8_t *columns;
    int64_t n_tiles;
} bin_context;

/* What one task works in. */
typedef struct {
    bl_bin_search search[BL_TILE];
    double values[BL_TILE][BL_BIN_STRIP];
} bin_scratch;

/* Bin `n` rows from `start` of the features of one tile. */
static void bin_strip(const bin_context *c, int64_t tile, int64_t start, int64_t n,
                      int32_t n_features, bin_scratch *scratch)
{
    const bl_matrix *x = c->x;
    int64_t first = tile * BL_TILE;
    uint8_t *columns = c->columns + first * x->n_rows + start;
    int by_row = x->feature_stride == bl_item_size(x->dtype);
    if (by_row)
        bl_load_rows(x, start, n, first, n_features, BL_BIN_STRIP, scratch->values[0]);
    for (int32_t j = 0; j < n_features; j++) {
        const double *values = scratch->values[j];
        if (!by_row)
            values = bl_load_column(x, start, n, first + j, scratch->values[j]);
        bl_cpu()->bin_values(values, n, &scratch->search[j], columns + j * x->n_rows);
    }
}

static void bin_task(void *context, int64_t index, int thread)
{
    (void)thread;
    const bin_context *c = context;
    bin_scratch scratch;
    int64_t tile = index % c->n_tiles, first = tile * BL_TILE;
    int64_t start = index / c->n_tiles * TASK_ROWS;
    int64_t end = start + TASK_ROWS < c->x->n_rows ? start + TASK_ROWS : c->x->n_rows;
    int64_t left = c->x->n_features - first;
    int32_t n_features = left < BL_TILE ? (int32_t)left : BL_TILE;
    for (int32_t j = 0; j < n_features; j++) {
        const int64_t *offset = c->offsets + first + j;
        bl_prepare_search(c->borders + offset[0], (int32_t)(offset[1] - offset[0]),
                          end - start >= SLOT_ROWS, &scratch.search[j]);
    }
    for (; start < end; start += BL_BIN_STRIP) {
        int64_t n = end - start < BL_BIN_STRIP ? end - start : BL_BIN_STRIP;
        bin_strip(c, tile, start, n, n_features, &scratch);
    }
}

void bl_bin(const bl_matrix *x, const double *borders, const int64_t *offsets,
            uint8_t *columns, int n_threads)
{
    int64_t n_blocks = (x->n_rows + TASK_ROWS - 1) / TASK_ROWS;
    int64_t n_tiles = (x->n_features + BL_TILE - 1) / BL_TILE;
    bin_context context = {x, borders, offsets, columns, n_tiles};
    bl_parallel_for(bin_task, &context, n_blocks * n_tiles, n_threads);
}
