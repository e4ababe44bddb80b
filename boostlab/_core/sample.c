/* What borders are computed from: the distinct values of features, and the sorted values
 * of a sample with the mass of each. */
#include <stdlib.h>
#include <string.h>

#include "load.h"

/* ---- distinct values ----------------------------------------------------------- */

enum { SLOT_BITS = 10, N_SLOTS = 1 << SLOT_BITS, STRIP_ROWS = 256 };

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

void bl_distinct(const bl_matrix *x, int limit, double *values, int32_t *counts)
{
    distinct_set sets[BL_DISTINCT_FEATURES];
    int32_t n_open = (int32_t)x->n_features;
    for (int32_t j = 0; j < x->n_features; j++) {
        sets[j].values = values + (int64_t)j * limit;
        sets[j].count = 0;
        sets[j].limit = limit;
        for (int i = 0; i < N_SLOTS; i++)
            sets[j].slots[i] = EMPTY;
        counts[j] = 0;
    }
    for (int64_t start = 0; start < x->n_rows && n_open > 0; start += STRIP_ROWS) {
        double strip[STRIP_ROWS];
        int64_t n = x->n_rows - start < STRIP_ROWS ? x->n_rows - start : STRIP_ROWS;
        for (int32_t j = 0; j < x->n_features; j++) {
            if (counts[j] < 0)
                continue;
            const double *at = bl_load_column(x, start, n, j, strip);
            int fits = 1;
            for (int64_t i = 0; i < n && fits; i++)
                fits = add_value(&sets[j], at[i]);
            counts[j] = fits ? sets[j].count : -1;
            n_open -= !fits;
        }
    }
    for (int32_t j = 0; j < x->n_features; j++)
        if (counts[j] > 0)
            sort_values(sets[j].values, counts[j]);
}

/* ---- samples ------------------------------------------------------------------- */

enum { AHEAD = 16 }; /* rows that memory is asked for before they are read */

static void gather_rows(const bl_matrix *x, const int64_t *rows, int64_t n, double *out)
{
    int64_t width = x->n_features * bl_item_size(x->dtype);
    for (int64_t i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            const char *later = x->data + rows[i + AHEAD] * x->row_stride;
            __builtin_prefetch(later);
            __builtin_prefetch(later + width - 1);
        }
        bl_load_rows(x, rows[i], 1, 0, (int32_t)x->n_features, n, out + i);
    }
}

static void gather_column(const bl_matrix *x, int64_t feature, const int64_t *rows,
                          int64_t n, double *out)
{
    const char *at = x->data + feature * x->feature_stride;
    if (x->dtype == BL_FLOAT32)
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_load_float32(at + rows[i] * x->row_stride);
    else
        for (int64_t i = 0; i < n; i++)
            out[i] = bl_load_float64(at + rows[i] * x->row_stride);
}

void bl_gather(const bl_matrix *x, const int64_t *rows, int64_t n, double *out)
{
    if (x->feature_stride == bl_item_size(x->dtype))
        gather_rows(x, rows, n, out);
    else
        for (int64_t j = 0; j < x->n_features; j++)
            gather_column(x, j, rows, n, out + j * n);
}

/* ---- sorting ------------------------------------------------------------------- */

/* Least significant digit first: eight passes of eight bits, but none over digits that
 * all keys share, as the last ones of narrow floats and of whole numbers. */
enum { DIGIT_BITS = 8, N_DIGITS = 1 << DIGIT_BITS, N_PASSES = 64 / DIGIT_BITS };

/* Unsigned integers in the order of the doubles that they are made of, and back. */
static inline uint64_t key_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits >> 63 ? UINT64_MAX : UINT64_C(1) << 63);
}

static inline double value_of(uint64_t key)
{
    double x;
    key ^= key >> 63 ? UINT64_C(1) << 63 : UINT64_MAX;
    memcpy(&x, &key, sizeof x);
    return x;
}

/* Keys, and the mass of each unless all have the same. */
typedef struct {
    uint64_t *keys;
    int64_t *mass;
} records;

static inline uint64_t digit_of(uint64_t key, int pass)
{
    return key >> (pass * DIGIT_BITS) & (N_DIGITS - 1);
}

/* Take the present values of a column; returns their number. */
static int64_t take_present(const bl_matrix *column, const int64_t *mass, records out,
                            int64_t (*counts)[N_DIGITS])
{
    int64_t n = 0;
    for (int64_t start = 0; start < column->n_rows; start += STRIP_ROWS) {
        double strip[STRIP_ROWS];
        int64_t left = column->n_rows - start;
        int64_t m = left < STRIP_ROWS ? left : STRIP_ROWS;
        const double *at = bl_load_column(column, start, m, 0, strip);
        for (int64_t i = 0; i < m; i++) {
            if (at[i] != at[i])
                continue;
            uint64_t key = key_of(at[i] + 0.0);
            for (int pass = 0; pass < N_PASSES; pass++)
                counts[pass][digit_of(key, pass)]++;
            out.keys[n] = key;
            if (mass)
                out.mass[n] = mass[start + i];
            n++;
        }
    }
    return n;
}

/* One stable pass; turns the counts of the digits into places. */
static void sort_pass(records from, records to, int64_t n, int pass, int64_t *places)
{
    int64_t sum = 0;
    for (int digit = 0; digit < N_DIGITS; digit++) {
        int64_t count = places[digit];
        places[digit] = sum;
        sum += count;
    }
    if (!from.mass) {
        for (int64_t i = 0; i < n; i++)
            to.keys[places[digit_of(from.keys[i], pass)]++] = from.keys[i];
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t place = places[digit_of(from.keys[i], pass)]++;
        to.keys[place] = from.keys[i];
        to.mass[place] = from.mass[i];
    }
}

/* Merge equal keys into values, as bits of doubles, and sums; returns how many are left.
 * The keys may lie where either goes, since no place is written before it is read. */
static int64_t merge_equal(records sorted, int64_t n, uint64_t *values, uint64_t *sums)
{
    uint64_t before = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        uint64_t key = sorted.keys[i];
        uint64_t mass = sorted.mass ? (uint64_t)sorted.mass[i] : 1;
        int is_new = i == 0 || key != before;
        double value = value_of(key);
        count += is_new;
        memcpy(values + count - 1, &value, sizeof value);
        sums[count - 1] = is_new ? mass : sums[count - 1] + mass;
        before = key;
    }
    return count;
}

int64_t bl_summarize(const bl_matrix *column, const int64_t *mass, double *values,
                     int64_t *sums)
{
    int64_t counts[N_PASSES][N_DIGITS] = {{0}};
    size_t n_rows = (size_t)column->n_rows + 1; /* malloc(0) may be NULL */
    uint64_t *keys = (uint64_t *)values, *spare_keys = (uint64_t *)sums;
    int64_t *masses = mass ? malloc(2 * n_rows * sizeof *masses) : NULL;
    if (mass && !masses)
        return BL_NO_MEMORY;
    records from = {keys, masses};
    records to = {spare_keys, masses ? masses + n_rows : NULL};
    int64_t n = take_present(column, mass, from, counts);
    for (int pass = 0; pass < N_PASSES && n > 0; pass++) {
        if (counts[pass][digit_of(from.keys[0], pass)] == n)
            continue;
        sort_pass(from, to, n, pass, counts[pass]);
        records swap = from;
        from = to;
        to = swap;
    }
    int64_t count = merge_equal(from, n, keys, spare_keys);
    free(masses);
    return count;
}
