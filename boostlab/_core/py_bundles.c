/* Bundles of features and the tiles that hold them, for Python. */
#include "py_core.h"

static PyObject *core_join(PyObject *self, PyObject *args)
{
    PyObject *codes_in, *column_in, *joined_in, *first_in, *second_in;
    buffers held = {.count = 0};
    uint8_t *codes, *column, *joined, *first, *second;
    int32_t count = 0;
    int done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOO:join", &codes_in, &column_in, &joined_in,
                          &first_in, &second_in))
        return NULL;
    if ((codes = vector(&held, codes_in, "codes", U8, -1, READ))) {
        Py_ssize_t n = length_of(&held);
        if ((column = vector(&held, column_in, "column", U8, n, READ))
            && (joined = vector(&held, joined_in, "joined", U8, n, WRITE))
            && (first = vector(&held, first_in, "first", U8, BL_MAX_BINS, WRITE))
            && (second = vector(&held, second_in, "second", U8, BL_MAX_BINS, WRITE))) {
            Py_BEGIN_ALLOW_THREADS
            count = bl_join(codes, column, n, joined, first, second);
            Py_END_ALLOW_THREADS
            done = 1;
        }
    }
    release(&held);
    return done ? PyLong_FromLong(count) : NULL;
}

static int sources_match(const int32_t *sources, Py_ssize_t n, Py_ssize_t n_columns,
                         Py_ssize_t n_joined)
{
    for (Py_ssize_t b = 0; b < n; b++)
        if (sources[b] >= n_columns || ~sources[b] >= n_joined)
            return fail("sources must be rows of columns, or ~rows of joined");
    return 1;
}

static PyObject *core_fill_tiles(PyObject *self, PyObject *args)
{
    PyObject *columns_in, *joined_in, *sources_in, *tiles_in;
    buffers held = {.count = 0};
    int n_threads, done = 0;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOi:fill_tiles", &columns_in, &joined_in, &sources_in,
                          &tiles_in, &n_threads)
        || !check_threads(n_threads))
        return NULL;
    Py_buffer *columns = acquire(&held, columns_in, "columns", U8, 2, NULL, READ);
    if (columns) {
        Py_ssize_t n = columns->shape[1], shape[2] = {-1, n};
        Py_buffer *joined = acquire(&held, joined_in, "joined", U8, 2, shape, READ);
        int32_t *sources =
            joined ? vector(&held, sources_in, "sources", I32, -1, READ) : NULL;
        Py_ssize_t n_bundles = sources ? length_of(&held) : 0;
        if (sources && n_bundles > columns->shape[0])
            fail("there must be no more bundles than columns");
        else if (sources
                 && sources_match(sources, n_bundles, columns->shape[0],
                                  joined->shape[0])) {
            Py_ssize_t extents[3] = {bl_n_tiles((int32_t)n_bundles), n, BL_TILE};
            Py_buffer *tiles = acquire(&held, tiles_in, "tiles", U8, 3, extents, WRITE);
            if (tiles) {
                Py_BEGIN_ALLOW_THREADS
                bl_fill_tiles(columns->buf, joined->buf, sources, n, (int32_t)n_bundles,
                              tiles->buf, n_threads);
                Py_END_ALLOW_THREADS
                done = 1;
            }
        }
    }
    release(&held);
    return done ? Py_NewRef(Py_None) : NULL;
}

static int bundle_in_range(const bl_bins *bins, int32_t f)
{
    int32_t b = bins->bundle[f];
    if (b < -1 || b >= bins->n_bundles)
        return fail("bundle must hold numbers of bundles, or -1");
    if (b >= 0 && !bins->joint[b] && bins->n_codes[b] != bins->n_bins[f])
        return fail("the codes of a feature alone in a bundle are its bins");
    for (int32_t code = 0; b >= 0 && bins->joint[b] && code < bins->n_codes[b]; code++) {
        uint8_t bin = bins->bin_of[(int64_t)f * 256 + code];
        if (bin >= bins->n_bins[f] && bin != BL_MISSING)
            return fail("bin_of must hold bins of the feature");
    }
    return 1;
}

int bundled_tiles(buffers *held, PyObject *bundles, PyObject *tiles, bl_bins *bins)
{
    PyObject *bundle, *n_codes, *joint, *bin_of;
    Py_buffer *view;
    Py_ssize_t codes_shape[2] = {bins->n_features, 256};
    bins->n_bundles = bins->n_features;
    bins->n_codes = bins->n_bins;
    if (bundles != Py_None) {
        if (!PyTuple_Check(bundles))
            return fail("bundles must be a tuple or None");
        if (!PyArg_ParseTuple(bundles, "OOOO:bundles", &bundle, &n_codes, &joint, &bin_of)
            || !(bins->bundle = vector(held, bundle, "bundle", I32, bins->n_features, READ))
            || !(bins->n_codes = vector(held, n_codes, "n_codes", I32, -1, READ)))
            return 0;
        bins->n_bundles = (int32_t)length_of(held);
        if (bins->n_bundles < 1 || bins->n_bundles > bins->n_features)
            return fail("there must be at least one bundle, and no more than features");
        for (int32_t b = 0; b < bins->n_bundles; b++)
            if (bins->n_codes[b] < 0 || bins->n_codes[b] > BL_MAX_BINS)
                return fail("n_codes must lie between 0 and 255");
        if (!(bins->joint = vector(held, joint, "joint", U8, bins->n_bundles, READ))
            || !(view = acquire(held, bin_of, "bin_of", U8, 2, codes_shape, READ)))
            return 0;
        bins->bin_of = view->buf;
        for (int32_t f = 0; f < bins->n_features; f++)
            if (!bundle_in_range(bins, f))
                return 0;
    }
    Py_ssize_t shape[3] = {bl_n_tiles(bins->n_bundles), bins->n_rows, BL_TILE};
    if (!(view = acquire(held, tiles, "tiles", U8, 3, shape, READ)))
        return 0;
    bins->tiles = view->buf;
    return 1;
}

PyMethodDef py_bundles_methods[] = {
    {"join", core_join, METH_VARARGS, "join(codes, column, joined, first, second) -> int"},
    {"fill_tiles", core_fill_tiles, METH_VARARGS,
     "fill_tiles(columns, joined, sources, tiles, n_threads)"},
    {NULL, NULL, 0, NULL},
};
