/* Bundles: features of few bins that are coded together. A code stands for one
 * combination of bins that occurs in the table, so that a histogram over codes costs one
 * update where its features would cost one each, and each feature's own histogram is a
 * sum of it: the trees are the same, bit for bit. */
#include <string.h>

#include "kernels.h"

enum { TASK_ROWS = 16384, PAIRS = 65536 };

int32_t bl_join(const uint8_t *codes, const uint8_t *column, int64_t n, uint8_t *joined,
                uint8_t *first, uint8_t *second)
{
    uint8_t known[PAIRS] = {0};    /* the code of a pair, plus one */
    int32_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        int pair = codes[i] << 8 | column[i];
        if (!known[pair]) {
            if (count == BL_MAX_BINS)
                return -1;
            first[count] = codes[i];
            second[count] = column[i];
            known[pair] = (uint8_t)++count;
        }
        joined[i] = (uint8_t)(known[pair] - 1);
    }
    return count;
}

typedef struct {
    const uint8_t *columns, *joined;
    const int32_t *sources;
    int64_t n_rows;
    int32_t n_bundles, width, n_tiles;
    uint8_t *tiles;
} tile_context;

static void tile_task(void *context, int64_t index, int thread)
{
    const tile_context *c = context;
    int32_t tile = (int32_t)(index % c->n_tiles), first = tile * c->width;
    int64_t begin = index / c->n_tiles * TASK_ROWS;
    int64_t end = begin + TASK_ROWS < c->n_rows ? begin + TASK_ROWS : c->n_rows;
    int32_t width = c->n_bundles - first < c->width ? c->n_bundles - first : c->width;
    uint8_t strip[BL_TILE][BL_BIN_STRIP];
    (void)thread;
    for (int64_t at = begin; at < end; at += BL_BIN_STRIP) {
        int64_t n = end - at < BL_BIN_STRIP ? end - at : BL_BIN_STRIP;
        for (int32_t j = 0; j < width; j++) {
            int32_t source = c->sources[first + j];
            const uint8_t *from = source >= 0 ? c->columns + source * c->n_rows
                                              : c->joined + ~source * c->n_rows;
            memcpy(strip[j], from + at, (size_t)n);
        }
        bl_cpu()->interleave(strip[0], BL_BIN_STRIP, width, n,
                             c->tiles + (tile * c->n_rows + at) * BL_TILE);
    }
}

void bl_fill_tiles(const uint8_t *columns, const uint8_t *joined, const int32_t *sources,
                   int64_t n_rows, int32_t n_bundles, uint8_t *tiles, int n_threads)
{
    tile_context context = {.columns = columns, .joined = joined, .sources = sources,
                            .n_rows = n_rows, .n_bundles = n_bundles,
                            .width = bl_tile_width(n_bundles),
                            .n_tiles = bl_n_tiles(n_bundles), .tiles = tiles};
    int64_t n_blocks = (n_rows + TASK_ROWS - 1) / TASK_ROWS;
    bl_parallel_for(tile_task, &context, n_blocks * context.n_tiles, n_threads);
}
