/* The memory of growing trees: one block for all arrays, and a stock of histograms. */
#include "grower.h"

#include <stdlib.h>
#include <string.h>

#define HISTOGRAM_BYTES ((int64_t)512 << 20)    /* kept for subtraction; then rebuilt */
#define ALIGNMENT 64

enum { LEAST_HALVED = 12 };    /* bundles of a tile that two threads share */

struct bl_workspace {
    char *block;                   /* all arrays of a grower but the histograms */
    size_t size;
    char **spare;                  /* free histograms, of `cell_bytes` each */
    int64_t n_spare, capacity, cell_bytes;
};

/* malloc and free of memory aligned for the widest vectors. */
static char *allocate(size_t size)
{
    char *raw = malloc(size + ALIGNMENT + sizeof(void *));
    if (!raw)
        return NULL;
    uintptr_t place = ((uintptr_t)raw + sizeof(void *) + ALIGNMENT - 1)
        & ~(uintptr_t)(ALIGNMENT - 1);
    memcpy((char *)place - sizeof(void *), &raw, sizeof raw);
    return (char *)place;
}

static void release(char *place)
{
    void *raw;
    if (!place)
        return;
    memcpy(&raw, place - sizeof(void *), sizeof raw);
    free(raw);
}

static void free_histograms(bl_workspace *workspace)
{
    while (workspace->n_spare)
        release(workspace->spare[--workspace->n_spare]);
}

bl_workspace *bl_workspace_new(void)
{
    return calloc(1, sizeof(bl_workspace));
}

void bl_workspace_free(bl_workspace *workspace)
{
    if (!workspace)
        return;
    free_histograms(workspace);
    free(workspace->spare);
    release(workspace->block);
    free(workspace);
}

/* Reserve `count` entries in the block; only measures while the block is NULL. */
static void *reserve(char *block, size_t *used, int64_t count, size_t size)
{
    void *place = block ? block + *used : NULL;
    *used += ((size_t)count * size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    return place;
}

static size_t lay_out(bl_grower *s, int64_t capacity, char *block)
{
    int64_t f = s->bins->n_features, k = s->target->n_outputs;
    int64_t n_blocks = (s->n + BL_SUM_BLOCK - 1) / BL_SUM_BLOCK;
    int64_t n_tasks = (s->n + BL_TASK_ROWS - 1) / BL_TASK_ROWS;
    int64_t n_sums = (capacity + 1) / 2 * (2 * k + 1) * s->n_threads;
    size_t used = 0;
    s->extents = reserve(block, &used, n_blocks, sizeof *s->extents);
    s->task_totals = reserve(block, &used, n_tasks * s->cell_words, sizeof(int64_t));
    s->words = reserve(block, &used, s->bins->n_rows * s->cell_words, sizeof(int64_t));
    s->order = reserve(block, &used, s->n, sizeof *s->order);
    s->left = reserve(block, &used, s->n, sizeof *s->left);
    s->right = reserve(block, &used, s->n, sizeof *s->right);
    s->nodes = reserve(block, &used, capacity, sizeof *s->nodes);
    s->totals = reserve(block, &used, capacity * s->cell_words, sizeof(int64_t));
    s->left_totals = reserve(block, &used, capacity * s->cell_words, sizeof(int64_t));
    s->rules = reserve(block, &used, capacity * bl_rule_numbers(s), sizeof *s->rules);
    s->sets = reserve(block, &used, capacity * s->params->interaction_words,
                      sizeof *s->sets);
    s->level_gains =
        reserve(block, &used, bl_level_numbers(s), sizeof *s->level_gains);
    s->heap = reserve(block, &used, capacity, sizeof *s->heap);
    s->sums = reserve(block, &used, n_sums, sizeof *s->sums);
    s->cursors = reserve(block, &used, (capacity + 1) / 2 * s->n_threads, sizeof(int64_t));
    s->tested = reserve(block, &used, bl_test_nodes(s, capacity), sizeof *s->tested);
    s->held_sums =
        reserve(block, &used, bl_test_nodes(s, capacity) * 4 * k, sizeof *s->held_sums);
    s->drawn = reserve(block, &used, 2 * f, sizeof *s->drawn);
    s->keys = reserve(block, &used, f, sizeof *s->keys);
    s->splits = reserve(block, &used, 2 * f, sizeof *s->splits);
    s->units = reserve(block, &used, bl_n_tiles(s->bins->n_bundles) * 2, sizeof *s->units);
    s->unit_features = reserve(block, &used, f, sizeof *s->unit_features);
    s->gathered = reserve(block, &used,
                          (s->n < BL_SMALL_NODE ? s->n : BL_SMALL_NODE) * s->cell_words,
                          sizeof *s->gathered);
    s->packed = reserve(block, &used, bl_packed_words(s), sizeof *s->packed);
    s->scratch = reserve(block, &used, s->n_threads, (size_t)s->scratch_stride);
    return used;
}

int64_t *bl_thread_words(const bl_grower *s, int thread)
{
    return (int64_t *)(s->scratch + thread * s->scratch_stride);
}

int64_t *bl_thread_sums(const bl_grower *s, int thread)
{
    return bl_thread_words(s, thread) + (int64_t)BL_TASK_ROWS * s->cell_words;
}

int64_t *bl_thread_cells(const bl_grower *s, int thread)
{
    return bl_thread_sums(s, thread) + s->cells_per_node * s->format.lanes;
}

int64_t *bl_thread_feature(const bl_grower *s, int thread)
{
    return bl_thread_cells(s, thread) + s->cells_per_node * s->cell_words;
}

/* Cut tiles into units: whole, or in halves where that occupies threads evenly. */
static void make_units(bl_grower *s)
{
    const bl_bins *bins = s->bins;
    int32_t n_tiles = bl_n_tiles(bins->n_bundles), step = bl_tile_width(bins->n_bundles);
    int halves = s->n_threads > 1 && n_tiles < 4 * s->n_threads
        && n_tiles % s->n_threads != 0 && step >= LEAST_HALVED ? 2 : 1;
    int32_t width = (step + halves - 1) / halves, counted = 0;
    s->n_units = 0;
    for (int32_t t = 0; t < n_tiles; t++)
        for (int32_t at = t * step; at < (t + 1) * step && at < bins->n_bundles; at += width) {
            int32_t end = at + width < (t + 1) * step ? at + width : (t + 1) * step;
            end = end < bins->n_bundles ? end : bins->n_bundles;
            s->units[s->n_units++] = (bl_unit){t, at, end, at, end};
        }
    for (int32_t u = 0; bins->bundle && u < s->n_units; u++)
        s->units[u].end_feature = 0;
    for (int pass = 0; bins->bundle && pass < 2; pass++) {
        for (int32_t f = 0; f < bins->n_features; f++) {
            int32_t b = bins->bundle[f] < 0 ? 0 : bins->bundle[f];
            bl_unit *unit = s->units + b / step * halves + b % step / width;
            if (pass)
                s->unit_features[unit->end_feature] = f;
            unit->end_feature++;
        }
        for (int32_t u = 0; !pass && u < s->n_units; u++) {
            int32_t count = s->units[u].end_feature;
            s->units[u].first_feature = s->units[u].end_feature = counted;
            counted += count;
        }
    }
}

int bl_grower_allocate(bl_grower *s, int64_t capacity)
{
    bl_workspace *workspace = s->workspace;
    s->cells_per_node = (int64_t)s->bins->n_bundles * BL_STRIDE;
    int64_t cell_bytes = s->cells_per_node * s->cell_words * (int64_t)sizeof(int64_t);
    s->scratch_stride = (int64_t)BL_TASK_ROWS * s->cell_words * (int64_t)sizeof(int64_t)
        + cell_bytes / 2 + cell_bytes
        + (int64_t)BL_STRIDE * s->cell_words * (int64_t)sizeof(int64_t);
    s->scratch_stride = (s->scratch_stride + ALIGNMENT - 1) & ~(int64_t)(ALIGNMENT - 1);
    s->max_cells = HISTOGRAM_BYTES / cell_bytes;
    s->max_cells = s->max_cells < 4 ? 4 : s->max_cells;
    if (workspace->cell_bytes != cell_bytes)
        free_histograms(workspace);
    workspace->cell_bytes = cell_bytes;
    s->n_cells = workspace->n_spare;
    size_t needed = lay_out(s, capacity, NULL);
    if (needed > workspace->size) {
        release(workspace->block);
        workspace->block = allocate(needed);
        workspace->size = workspace->block ? needed : 0;
        if (!workspace->block)
            return BL_NO_MEMORY;
    }
    lay_out(s, capacity, workspace->block);
    make_units(s);
    if (!bl_rule_numbers(s))
        s->rules = NULL;
    return BL_OK;
}

int64_t *bl_take_cells(bl_grower *s)
{
    bl_workspace *workspace = s->workspace;
    if (workspace->n_spare)
        return (int64_t *)workspace->spare[--workspace->n_spare];
    if (s->n_cells >= workspace->capacity) {    /* room to give every one back */
        int64_t capacity = 2 * workspace->capacity + 64;
        char **spare = realloc(workspace->spare, (size_t)capacity * sizeof *spare);
        if (!spare) {
            s->failed = BL_NO_MEMORY;
            return NULL;
        }
        workspace->spare = spare;
        workspace->capacity = capacity;
    }
    char *cells = allocate((size_t)workspace->cell_bytes);
    if (!cells)
        s->failed = BL_NO_MEMORY;
    else
        s->n_cells++;
    return (int64_t *)cells;
}

void bl_drop_cells(bl_grower *s, bl_node_state *node)
{
    if (node->cells)
        s->workspace->spare[s->workspace->n_spare++] = (char *)node->cells;
    node->cells = NULL;
}

int64_t bl_cells_in_use(const bl_grower *s)
{
    return s->n_cells - s->workspace->n_spare;
}
