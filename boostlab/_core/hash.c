/* One word for the contents of each row. */
#include "load.h"

enum { TASK_ROWS = 8192, STRIP_ROWS = 256 };

typedef struct {
    const bl_matrix *x;
    uint64_t *codes;
} hash_context;

/* The finaliser of SplitMix64 (Steele et al., 2014). */
static inline uint64_t mix(uint64_t code)
{
    code += UINT64_C(0x9e3779b97f4a7c15);
    code = (code ^ (code >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    code = (code ^ (code >> 27)) * UINT64_C(0x94d049bb133111eb);
    return code ^ (code >> 31);
}

/* The bits of a number, alike for both zeros and for all NaNs. */
static inline uint64_t bits_of(double x)
{
    uint64_t bits;
    x += 0.0;
    memcpy(&bits, &x, sizeof bits);
    return x != x ? UINT64_C(0x7ff8000000000000) : bits;
}

static void hash_task(void *context, int64_t index, int thread)
{
    (void)thread;
    const hash_context *c = context;
    int64_t n_rows = c->x->n_rows, start = index * TASK_ROWS;
    int64_t end = start + TASK_ROWS < n_rows ? start + TASK_ROWS : n_rows;
    for (; start < end; start += STRIP_ROWS) {
        double strip[STRIP_ROWS];
        int64_t n = end - start < STRIP_ROWS ? end - start : STRIP_ROWS;
        uint64_t *codes = c->codes + start;
        for (int64_t j = 0; j < c->x->n_features; j++) {
            const double *values = bl_load_column(c->x, start, n, j, strip);
            for (int64_t i = 0; i < n; i++)
                codes[i] = mix(codes[i] ^ bits_of(values[i]));
        }
    }
}

void bl_hash_rows(const bl_matrix *x, uint64_t *codes, int n_threads)
{
    hash_context context = {x, codes};
    bl_parallel_for(hash_task, &context, (x->n_rows + TASK_ROWS - 1) / TASK_ROWS,
                    n_threads);
}
