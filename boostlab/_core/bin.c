/* From raw values to bins: the distinct values of a column, and the two copies of the
 * bins. Raw values may be float32 or float64 at any strides, aligned or not. */
#include <string.h>

#include "boostlab_core.h"
#include "kernels.h"

/* ---- distinct values ----------------------------------------------------------- */

enum { SLOT_BITS = 11, N_SLOTS = 1 << SLOT_BITS };

/* A set of doubles by their bits, with open addressing. It never holds a NaN, whose
 * bits therefore mark the empty slots. */
typedef struct {
    uint64_t slots[N_SLOTS];
    double *values;
    int count, limit;
} distinct_set;

static const uint64_t EMPTY = UINT64_C(0x7ff8000000000000);

/* Add x unless it is there; returns 0 if there is no room left for it. */
static inline int add_value(distinct_set *set, double x)
{
    if (x != x)
        return 1;
    x += 0.0; /* -0.0 becomes 0.0 */
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint64_t slot = bits * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SLOT_BITS);
    while (set->slots[slot] != bits) {
        if (set->slots[slot] == EMPTY) {
            if (set->count == set->limit)
                return 0;
            set->slots[slot] = bits;
            set->values[set->count++] = x;
            return 1;
        }
        slot = (slot + 1) % N_SLOTS;
    }
    return 1;
}

static int add_float32(distinct_set *set, const char *at, int64_t n, int64_t stride)
{
    for (int64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, at + i * stride, sizeof x);
        if (!add_value(set, (double)x))
            return 0;
    }
    return 1;
}

static int add_float64(distinct_set *set, const char *at, int64_t n, int64_t stride)
{
    for (int64_t i = 0; i < n; i++) {
        double x;
        memcpy(&x, at + i * stride, sizeof x);
        if (!add_value(set, x))
            return 0;
    }
    return 1;
}

static void sort_values(double *values, int n)
{
    for (int i = 1; i < n; i++) {
        double x = values[i];
        int j = i;
        for (; j > 0 && values[j - 1] > x; j--)
            values[j] = values[j - 1];
        values[j] = x;
    }
}

int bl_distinct(const bl_matrix *column, int limit, double *values)
{
    distinct_set set = {.values = values, .count = 0, .limit = limit};
    for (int i = 0; i < N_SLOTS; i++)
        set.slots[i] = EMPTY;
    int fits = (column->dtype == BL_FLOAT32 ? add_float32 : add_float64)(
        &set, column->data, column->n_rows, column->row_stride);
    if (!fits)
        return -1;
    sort_values(values, set.count);
    return set.count;
}

/* ---- bins ---------------------------------------------------------------------- */

/* A task is TASK_ROWS rows of one tile of features, done in strips of STRIP_ROWS. A
 * strip's values stay in the second-level cache while its features are read one after
 * another, which matters where rows are contiguous. */
enum { TASK_ROWS = 4096, STRIP_ROWS = 512 };

typedef struct {
    const bl_matrix *x;
    const double *borders;
    const int64_t *offsets;
    uint8_t *columns, *tiles;
    int64_t n_tiles;
} bin_context;

static void load_float32(const char *at, int64_t n, int64_t stride, double *out)
{
    for (int64_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, at + i * stride, sizeof x);
        out[i] = (double)x;
    }
}

static void load_float64(const char *at, int64_t n, int64_t stride, double *out)
{
    for (int64_t i = 0; i < n; i++)
        memcpy(&out[i], at + i * stride, sizeof *out);
}

/* Bin `n` rows from `start` of the features of one tile, into both copies. */
static void bin_strip(const bin_context *c, int64_t tile, int64_t start, int64_t n)
{
    const bl_matrix *x = c->x;
    int64_t first = tile * BL_TILE;
    int64_t n_features = x->n_features - first;
    if (n_features > BL_TILE)
        n_features = BL_TILE;
    uint8_t *rows = c->tiles + (tile * x->n_rows + start) * BL_TILE;
    if (n_features < BL_TILE)
        memset(rows, 0, (size_t)(n * BL_TILE));

    for (int64_t j = first; j < first + n_features; j++) {
        double values[STRIP_ROWS];
        const char *at = x->data + start * x->row_stride + j * x->feature_stride;
        (x->dtype == BL_FLOAT32 ? load_float32 : load_float64)(at, n, x->row_stride,
                                                               values);
        uint8_t *column = c->columns + j * x->n_rows + start;
        const double *borders = c->borders + c->offsets[j];
        int32_t n_borders = (int32_t)(c->offsets[j + 1] - c->offsets[j]);
        bl_cpu()->bin_values(values, n, borders, n_borders, column);
        for (int64_t i = 0; i < n; i++)
            rows[i * BL_TILE + (j - first)] = column[i];
    }
}

static void bin_task(void *context, int64_t index, int thread)
{
    (void)thread;
    const bin_context *c = context;
    int64_t tile = index % c->n_tiles;
    int64_t start = index / c->n_tiles * TASK_ROWS;
    int64_t end = start + TASK_ROWS;
    if (end > c->x->n_rows)
        end = c->x->n_rows;
    for (; start < end; start += STRIP_ROWS)
        bin_strip(c, tile, start, end - start < STRIP_ROWS ? end - start : STRIP_ROWS);
}

void bl_bin(const bl_matrix *x, const double *borders, const int64_t *offsets,
            uint8_t *columns, uint8_t *tiles, int n_threads)
{
    int64_t n_blocks = (x->n_rows + TASK_ROWS - 1) / TASK_ROWS;
    int64_t n_tiles = (x->n_features + BL_TILE - 1) / BL_TILE;
    bin_context context = {x, borders, offsets, columns, tiles, n_tiles};
    bl_parallel_for(bin_task, &context, n_blocks * n_tiles, n_threads);
}
